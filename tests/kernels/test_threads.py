"""The same bits for any number of threads, and which loops are taken."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import bptt
from bptt.cells import gru, lstm, rnn
from bptt.errors import OptionError
from bptt.kernels import compiled_loops as loops
from bptt.kernels import instruction_sets, whole_layer
from tests.kernels.test_loops import problem


def everything(cell, dtype, B=13):
    """All loops once, with enough work to be shared out."""
    rng = np.random.default_rng(5)
    weights, x, state0, keep, d, carried = problem(rng, cell, 24, B, 40, 70, dtype)
    saved, states = loops.forward(weights, x, state0, keep)
    W_R = weights.W_R
    found = [saved, *states, *loops.backward(weights, d, saved, states, keep, carried)]
    derivatives = loops.linearised(weights, saved, states, keep)
    found += derivatives
    found.append(loops.add_up(saved, rng.integers(0, 9, (24, B)), 9))
    behind = np.empty((24 - 3, B, d.shape[2]), dtype)
    states_before = np.ascontiguousarray(states[0][:-1])
    block = loops.LagStep(cell, W_R).several(d, derivatives, states_before, 0, behind, 3)
    found += [behind, *(block.squares[j, 0, j:] for j in range(3)), block.G, np.array(block.totals)]
    dz, arriving = np.empty((24, B, len(W_R)), dtype), np.empty((21, B, d.shape[2]), dtype)
    norms = loops.LagStep(cell, W_R)(d, derivatives, 3, dz, arriving)
    found += [dz, arriving, norms.at_weights, norms.through, norms.arriving]
    found += [np.array(norms.totals), loops.outer_in_double(dz, x)[0], loops.outer(dz, x)]
    lags, sums = list(rng.normal(size=(3, 700, 90))), list(rng.normal(size=(4, 700, 90)))
    to, factors = list(np.empty((4, 700, 90))), [0.5, 1.0, 2.0, 3.0, 0.5, 1.0, 2.0, 3.0]
    products = loops.bill(lags, rng.normal(size=(700, 90)), sums, to, factors, factors)
    return [*found, *to, np.array(products)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", [rnn.CELL, lstm.CELL, gru.CELL], ids=repr)
@pytest.mark.parametrize("B", [13, 1], ids=["13 sequences", "1 sequence"])
def test_the_same_bits_for_any_number_of_threads(module, B, cell, dtype):
    module.resize_team(1)
    alone = everything(cell, dtype, B)
    for count in (2, 3, 5, 16):
        module.resize_team(count)
        for one, other in zip(everything(cell, dtype, B), alone, strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("cell", [rnn.CELL, lstm.CELL, gru.CELL], ids=repr)
def test_the_same_bits_in_pieces(module, cell, monkeypatch):
    """A call is left now and then, so that Ctrl-C arrives."""
    alone = everything(cell, "float64")
    monkeypatch.setattr(loops, "MOST", 5 * 2.0 * 13 * 70 * 70)
    *pieces, totals, in_double, outer, s, r, n, l, products = everything(cell, "float64")
    for one, other in zip([*pieces, s, r, n, l, products], [*alone[:-8], *alone[-5:]], strict=True):
        assert np.array_equal(one, other)
    for one, other in zip((totals, in_double, outer), alone[-8:-5], strict=True):
        assert np.allclose(one, other, rtol=1e-13, atol=1e-13)  # another order of its sum


def a_long_forward(layer):
    layer.forward(np.ones((4000, 1, 1), "float32"))


def a_long_backward(layer):
    weights = layer.forward(np.ones((1, 1, 1), "float32")).weights
    d, h = np.zeros((4000, 1, 2048), "float32"), np.zeros((4001, 1, 2048), "float32")
    loops.backward(weights, d, d, (h,), None)


def a_whole_layer():
    """Of a plain RNN, by address: a sequence, weights and what is written."""
    T, H = 4000, 2048
    memory = [np.zeros(n, "float32") for n in (T, H, H * H, T * H, H, T * H, T * H, H, H * H)]
    x, W_F, W_R, y, h_n, saved, dy, dW_F, dW_R = (array.ctypes.data for array in memory)
    sizes = (0, False, T, 1, 1, H, 1, 1, 0, x, 1, 1, 0, 0, (W_F, W_R, 0, 0), 0)
    return memory, sizes, (y, H, H, h_n, 0, saved), (saved, dy, H, H, *[0] * 7, (dW_F, dW_R, 0, 0))


def a_long_layer(layer):
    _alive, sizes, written, _ = a_whole_layer()
    whole_layer.forward(*sizes, *written, 1)


def a_long_way_back(layer):
    _alive, sizes, _, gradients = a_whole_layer()
    whole_layer.backward(*sizes, *gradients, 1)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals by a timer are Unix's")
@pytest.mark.skipif(loops.C is None, reason="there are no compiled loops")
@pytest.mark.parametrize("work", [a_long_forward, a_long_backward, a_long_layer, a_long_way_back])
def test_an_interruption_arrives_in_the_loops(work):
    """The whole takes five seconds of processor time and more."""
    layer, began = bptt.RNN.init(1, 2048, rng=0), time.process_time()
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            work(layer)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.process_time() - began < 1.5


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | environment
    )


def test_a_forked_process_has_threads_of_its_own():
    script = """
import os, numpy as np, bptt
bptt.set_num_threads(3)
layer = bptt.LSTM.init(40, 70, rng=0)
x = np.random.default_rng(0).standard_normal((50, 9, 40), dtype="float32")
h = layer.forward(x).h
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(layer.forward(x).h, h) else 1)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(layer.forward(x).h, h)
"""
    assert run(script).returncode == 0


def test_many_callers_at_once():
    script = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np, bptt
bptt.set_num_threads(2)
layer = bptt.GRU.init(40, 70, rng=0)
x = np.random.default_rng(0).standard_normal((50, 9, 40), dtype="float32")
h = layer.forward(x).h
def lags(x):
    trace = layer.forward(x)
    return trace.h, bptt.by_lag(trace, np.ones_like(trace.h[1:])).log10_norm
few = x[:10]
norms = lags(few)[1]
with ThreadPoolExecutor(8) as pool:
    assert all(np.array_equal(t.h, h) for t in pool.map(layer.forward, [x] * 40))
    assert all(np.array_equal(own, norms) for _, own in pool.map(lags, [few] * 16))
"""
    done = run(script)
    assert done.returncode == 0, done.stderr


def test_setting_the_number(monkeypatch):
    before = bptt.get_num_threads()
    bptt.set_num_threads(3)
    assert bptt.get_num_threads() == 3
    bptt.set_num_threads(before)
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(OptionError, match="count: expected a whole number from 1"):
            bptt.set_num_threads(wrong)
    assert bptt.get_num_threads() == before


@pytest.mark.parametrize("name", ["BPTT_NUM_THREADS", "OMP_NUM_THREADS"])
def test_the_environments_number(name):
    alone = {"BPTT_NUM_THREADS": ""} | {name: "5"}
    assert run("import bptt; print(bptt.get_num_threads())", **alone).stdout == "5\n"


@pytest.mark.parametrize("name", [*instruction_sets.available(), "numpy"])
def test_asking_for_a_path(name):
    done = run("from bptt import kernels; print(kernels.path())", BPTT_KERNELS=name)
    assert ("NumPy" if name == "numpy" else name) in done.stdout


def test_asking_for_a_path_that_is_not_there():
    done = run("import bptt", BPTT_KERNELS="avx1024")
    names = ", ".join([*instruction_sets.available(), "numpy"])
    assert f"BPTT_KERNELS: expected one of {names}, got 'avx1024'" in done.stderr


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("BPTT_KERNELS", "wrong", "one of "),
        ("BPTT_NUM_THREADS", "two", "a whole number from 1 to 1024"),
        ("BPTT_NUM_THREADS", "0", "a whole number from 1 to 1024"),
    ],
)
def test_the_command_says_in_one_line_that_a_variable_is_wrong(name, wrong, expected, tmp_path):
    """As ``bptt`` and as ``python -m bptt``; a program that imports the library gets the error itself."""
    script = tmp_path / "bptt"
    script.write_text("from bptt.__main__ import main\nmain()\n")
    for command in ([script], ["-m", "bptt", "doctor"]):
        done = subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            env=os.environ | {name: wrong},
        )
        assert done.returncode == 2
        assert done.stderr.startswith(f"bptt: {name}: expected {expected}")
        assert wrong in done.stderr
        assert done.stderr.count("\n") == 1
    assert f"OptionError: {name}: expected" in run("import bptt", **{name: wrong}).stderr


def test_the_list_of_openmp_names_the_threads_of_its_first_level():
    alone = {"BPTT_NUM_THREADS": "", "OMP_NUM_THREADS": "3,2"}
    assert run("import bptt; print(bptt.get_num_threads())", **alone).stdout == "3\n"


def test_an_activation_that_is_not_there_leaves_nothing_unwritten(module):
    """Its number is refused before an output is given out with whatever stood in that memory."""
    z = np.ones((3, 2, 5))
    packed = module.pack(np.eye(5), 1, 2)
    for number in (-1, len(loops.NUMBERS)):
        for call in (
            lambda: module.value(number, z, np.empty_like(z)),  # noqa: B023
            lambda: module.rnn_forward(number, packed, z.copy(), np.zeros((4, 2, 5)), None),  # noqa: B023
        ):
            with pytest.raises(
                ValueError, match=f"phi: expected an activation from 0 to 7, got {number}"
            ):
                call()


def test_an_activation_of_ones_own_runs_in_numpy(rng):
    W_F, W_R, b = rng.normal(size=(5, 3)), rng.normal(size=(5, 5)), rng.normal(size=5)
    own = bptt.RNN(W_F, W_R, b, (np.tanh, lambda z: 1 - np.tanh(z) ** 2))
    built_in = bptt.RNN(W_F, W_R, b)
    x = rng.normal(size=(6, 2, 3))
    assert not loops.takes(own.cell, own.phi)
    assert np.allclose(own.forward(x).h, built_in.forward(x).h, rtol=1e-13, atol=1e-13)
