"""Every way in takes an array however it lies in memory, and refuses what does not fit with one error of ours.

A table of public functions with arguments that are right; each argument in turn is given everything that it is not. What
comes back is a result or one error of this library in one line, within seconds, and never an error of Python's or NumPy's.
"""

import signal
import warnings
from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt import dynamics
from bptt.errors import BpttError

T, B, I, H, O = 5, 2, 3, 4, 6
SECONDS = 10  # of processor time that one call may take at most: what hangs fails
rng = np.random.default_rng(0)


def numbers(*shape):
    return rng.standard_normal(shape)


X, DH, Y = numbers(T, B, I), numbers(T, B, H), rng.integers(0, O, (T, B))
LENGTHS, RESETS = np.array([5, 3]), rng.random((T, B)) < 0.3
RNN = bptt.RNN(numbers(H, I), numbers(H, H) / 3, numbers(H))
UPPER = bptt.RNN(numbers(H, H), numbers(H, H), numbers(H))
LSTM = bptt.LSTM(numbers(4 * H, I), numbers(4 * H, H), numbers(4 * H))
NETWORK, STACK = bptt.Network(RNN, numbers(O, H), numbers(O)), bptt.Stack([RNN, UPPER])
TRACE, OF_STACK, LONG = RNN.forward(X), STACK.forward(X), RNN.forward(numbers(60, 8, I))
PROFILE, RUN = bptt.by_lag(TRACE, DH), NETWORK.run(X, Y)
INIT = {
    "inputs": I, "hidden": H, "scheme": "pytorch", "activation": "tanh", "gain": 1.0, "rng": 0, "dtype": "float64",
}  # fmt: skip
GATED = {"W_F": numbers(3 * H, I), "W_R": numbers(3 * H, H), "b": numbers(3 * H)}
MANY = {"x": numbers(T, 40, I), "targets": rng.integers(0, O, (T, 40))}

DOORS = {
    "RNN": (bptt.RNN, {"W_F": numbers(H, I), "W_R": numbers(H, H), "b": numbers(H), "activation": "tanh"}),
    "LSTM": (bptt.LSTM, {"W_F": numbers(4 * H, I), "W_R": numbers(4 * H, H), "b": numbers(4 * H)}),
    "GRU": (bptt.GRU, GATED | {"b_Rn": numbers(H)}),
    "ChoGRU": (bptt.ChoGRU, GATED),
    "RNN.init": (bptt.RNN.init, INIT),
    "LSTM.init": (bptt.LSTM.init, INIT),
    "GRU.init": (bptt.GRU.init, INIT),
    "ChoGRU.init": (bptt.ChoGRU.init, INIT),
    "Bidirectional": (bptt.Bidirectional, {"forward_layer": RNN, "backward_layer": RNN.copy()}),
    "Stack": (bptt.Stack, {"levels": [RNN]}),
    "Network": (
        bptt.Network,
        {"body": RNN, "W_O": numbers(O, H), "b_O": numbers(O), "loss": "cross_entropy", "loss_at": "every"},
    ),
    "Network.init": (
        bptt.Network.init,
        INIT | {"outputs": O, "cell": "rnn", "layers": 1, "bidirectional": False, "loss": "mse", "loss_at": "last"},
    ),
    "Network.run": (
        NETWORK.run, {"x": X, "targets": Y, "h0": numbers(B, H), "c0": None, "lengths": LENGTHS, "resets": RESETS},
    ),
    "Network.backward": (NETWORK.backward, {"run": RUN}),
    "layer.forward": (
        LSTM.forward, {"x": X, "h0": numbers(B, H), "c0": numbers(B, H), "lengths": LENGTHS, "resets": RESETS},
    ),
    "layer.forward with checkpoints": (
        RNN.forward, {"x": X, "h0": numbers(B, H), "checkpoint_every": 2},
    ),
    "layer.backward": (RNN.backward, {"trace": TRACE, "dh": DH}),
    "Stack.forward": (
        STACK.forward,
        {"x": X, "h0": [numbers(B, H)] * 2, "c0": None, "lengths": LENGTHS, "resets": RESETS, "masks": None},
    ),
    "Stack.backward": (STACK.backward, {"trace": OF_STACK, "dh": DH}),
    "by_lag": (
        bptt.by_lag,
        {"trace": TRACE, "dh": DH, "max_lag": 3, "keep_matrices": True, "tolerance": 0.0, "loss_chunk": 2},
    ),
    "by_lag of a stack": (bptt.by_lag, {"trace": OF_STACK, "dh": DH}),
    "by_step": (bptt.by_step, {"trace": TRACE, "dh": DH}),
    "forward_mode": (
        bptt.forward_mode, {"layer": RNN, "x": X, "dh": DH, "h0": numbers(B, H), "c0": None},
    ),
    "truncated_bptt": (
        bptt.truncated_bptt, {"trace": TRACE, "dh": DH, "k1": 2, "k2": 2, "offset": 0},
    ),
    "profile.truncation": (PROFILE.truncation, {"K": 2, "chunked": False}),
    "profile.horizon": (PROFILE.horizon, {"p": 0.9}),
    "profile.shortest_truncation": (
        PROFILE.shortest_truncation, {"relative_bias": 0.1, "chunked": False},
    ),
    "profile.log10_attenuation": (PROFILE.log10_attenuation, {"lag": 2}),
    "lyapunov": (bptt.lyapunov, {"trace": TRACE, "count": 2, "skip": 1}),
    "lyapunov_of": (
        dynamics.lyapunov_of, {"jacobians": [numbers(H, H)] * 5, "count": 2, "skip": 1},
    ),
    "jacobian": (dynamics.jacobian, {"trace": TRACE, "t": 2}),
    "jacobian_product": (dynamics.jacobian_product, {"trace": TRACE, "t": 3, "k": 1}),
    "memory_function": (
        dynamics.memory_function, {"trace": LONG, "max_lag": 3, "ridge": 0.1, "at": "every"},
    ),
    "spectrum": (dynamics.spectrum, {"W_R": numbers(H, H)}),
    "mean_field": (dynamics.mean_field, {"gain": 1.5, "input_variance": 0.1, "phi": "tanh"}),
    "critical_gain": (dynamics.critical_gain, {"input_variance": 0.1, "phi": "tanh"}),
    "bias_that_keeps": (dynamics.bias_that_keeps, {"part": 0.5, "lag": 10.0}),
    "strength_that_keeps": (dynamics.strength_that_keeps, {"part": 0.5, "lag": 10.0}),
    "longest_memory": (dynamics.longest_memory, {"lag": 10.0}),
    "set_num_threads": (bptt.set_num_threads, {"count": 1}),
    "diagnose": (
        bptt.diagnose,
        {"model": NETWORK, "batch": (X, Y), "loss": None, "needed_lag": 2, "max_lag": 3, "sequences": None,
         "memory": None, "seconds": None, "progress": False},
    ),
    "prognosis": (
        bptt.prognosis,
        {"model": NETWORK, "data": MANY, "loss": None, "needed_lag": 2, "budget": 20, "lr": 0.01, "batch": 8,
         "clip": 1.0, "length": None, "window": None, "omega": 0.0, "curriculum": None, "step": None, "seed": 0,
         "progress": False},
    ),
}  # fmt: skip


class Something:
    """Of no use to anybody."""


BAD = {
    "None": None, "a word": "abc", "an empty word": "", "bytes": b"abc", "complex": 1j, "True": True, "-1": -1, "0": 0,
    "10^30": 10**30, "-10^30": -(10**30), "2^63": 2**63, "0.5": 0.5, "inf": np.inf, "-inf": -np.inf, "NaN": np.nan,
    "a half": np.float16(1), "objects": np.array([object(), None]), "no axes": np.array(1.0), "empty": np.zeros(0),
    "no steps": np.zeros((0, B, I)), "one axis": numbers(3), "four axes": numbers(1, 2, 3, 4),
    "an array of NaN": np.full((T, B, I), np.nan), "words": np.array(["a", "b"]), "dates": np.array(["2020-01-01"], "M8[D]"),
    "records": np.zeros(3, [("a", "f8")]), "masked": np.ma.masked_array(X, X > 0), "a list": [1, 2], "a ragged list": [[1], [1, 2]],
    "a dict": {}, "a tuple": (), "a set": {1}, "an object": Something(), "a trace": TRACE, "a layer": RNN,
    "a network": NETWORK, "a path": Path("nowhere"), "a type": Something, "a function": lambda *given: None,
}  # fmt: skip
# What is called is the user's own, and so is the error that it ends in.
CALLED = {("layer.backward", "dh"): {"a type"}}


def forms(array):
    """The same numbers, as they may lie in memory."""
    strided, unaligned = np.repeat(array, 2, -1)[..., ::2], np.zeros(array.nbytes + 1, np.uint8)
    unaligned = unaligned[1:].view(array.dtype).reshape(array.shape)
    unaligned[...] = array
    fixed = array.copy()
    fixed.flags.writeable = False
    return {
        "big-endian": array.astype(array.dtype.newbyteorder(">")), "F-order": np.asfortranarray(array), "strided": strided,
        "turned round": array[::-1].copy()[::-1], "read-only": fixed, "unaligned": unaligned,
    }  # fmt: skip


def outcome(call, arguments):
    """What a call returns, or the error of ours that it ends in; any other error goes on."""

    def too_long(*given):
        raise TimeoutError(f"no answer after {SECONDS} s")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return call(**arguments)
    except BpttError as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def arrays_in(result):
    """Every array of numbers in a result."""
    if isinstance(result, np.ndarray | float):
        return [np.asarray(result)]
    if isinstance(result, dict):
        return [array for part in result.values() for array in arrays_in(part)]
    if isinstance(result, list | tuple):
        return [array for part in result for array in arrays_in(part)]
    fields = getattr(result, "__dataclass_fields__", {})
    return [array for name in fields for array in arrays_in(getattr(result, name))]


@pytest.fixture(autouse=True)
def the_same_threads():
    count = bptt.get_num_threads()
    yield
    bptt.set_num_threads(count)


@pytest.mark.parametrize("door", DOORS)
def test_what_is_right_is_taken(door):
    call, given = DOORS[door]
    result = outcome(call, given)
    assert not isinstance(result, BpttError), result


@pytest.mark.parametrize(
    ("door", "name"), [(d, n) for d, (_, given) in DOORS.items() for n in given]
)
def test_one_clear_error_or_an_answer(door, name):
    call, given = DOORS[door]
    wrong = {}
    for what, value in BAD.items():
        if what in CALLED.get((door, name), ()):
            continue
        try:
            result = outcome(call, given | {name: value})
        except Exception as error:
            wrong[what] = f"{type(error).__name__}: {error}"
            continue
        if isinstance(result, BpttError) and ("\n" in str(result) or len(str(result)) > 900):
            wrong[what] = f"not one line: {result}"
    assert not wrong


TENSORS = {"a tensor that needs a gradient": lambda torch: torch.randn(T, B, I, requires_grad=True),
           "a sparse tensor": lambda torch: torch.eye(3).to_sparse(),
           "a module": lambda torch: torch.nn.Linear(2, 2)}  # fmt: skip


@pytest.mark.parametrize("what", TENSORS)
def test_pytorchs_objects_are_refused_too(what):
    torch = pytest.importorskip("torch", reason="pip install torch")
    value, wrong = TENSORS[what](torch), {}
    for door, (call, given) in DOORS.items():
        for name in given:
            if what == "a module" and (door, name) == ("layer.backward", "dh"):
                continue  # it is called, as any function is
            try:
                outcome(call, given | {name: value})
            except Exception as error:
                wrong[door, name] = f"{type(error).__name__}: {error}"
    assert not wrong


def doors_with_modules(torch):
    """The same of what takes PyTorch's modules; the loss and what it reads are the user's own."""
    torch.manual_seed(0)
    module, batch = torch.nn.GRU(I, H), torch.randn(T, B, I)
    common = {"needed_lag": 2, "max_lag": 3}

    def loss(model, batch):
        return model(batch)[0].square().mean()

    def diagnose(**given):
        return bptt.diagnose(module, batch, loss, progress=False, **given)

    def monitor(**given):
        return bptt.Monitor(module, batch, loss, **given)

    return {
        "from_torch": (bptt.from_torch, {"module": module}),
        "to_torch": (bptt.to_torch, {"layer": RNN}),
        "accelerate": (bptt.accelerate, {"model": torch.nn.GRU(I, H)}),
        "restore": (bptt.restore, {"model": torch.nn.GRU(I, H)}),
        "diagnose": (diagnose, common | {"sequences": 2, "memory": 1e9, "seconds": 10.0, "seed": 0}),
        "diagnose, the model": (lambda model: bptt.diagnose(model, batch, loss, progress=False), {"model": module}),
        "Monitor": (
            monitor, common | {"every": 10, "log": [].append, "budget": 100, "lr": 0.01, "sequences": 32},
        ),
        "Monitor, the model": (lambda model: bptt.Monitor(model, batch, loss, log=[].append), {"model": module}),
    }  # fmt: skip


def test_doors_for_modules(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="pip install torch")
    monkeypatch.chdir(tmp_path)  # a word is the name of a file to log to
    wrong = {}
    for door, (call, given) in doors_with_modules(torch).items():
        result = outcome(call, given)
        assert not isinstance(result, BpttError), result
        for name in given:
            for what, value in BAD.items():
                try:
                    result = outcome(call, given | {name: value})
                except Exception as error:
                    wrong[door, name, what] = f"{type(error).__name__}: {error}"
                if isinstance(result, BpttError) and (
                    "\n" in str(result) or len(str(result)) > 900
                ):
                    wrong[door, name, what] = f"not one line: {result}"
    assert not wrong


def test_doors_of_sweeps_and_files(tmp_path, monkeypatch):
    pytest.importorskip("joblib", reason="pip install 'bptt[sweep]'")
    monkeypatch.chdir(tmp_path)
    # Of the words that would be taken as they are nothing is measured: the axis is refused behind them.
    swept = {
        "axes": {"no such field": [1.0]},
        "base": None,
        "out": None,
        "engine": "threads",
        "workers": 1,
        "address": None,
    }
    doors = {
        "sweep": (bptt.sweep, swept),
        "sweep, its axes": (lambda axes: bptt.sweep(axes, engine="threads"), {"axes": {}}),
        "sweep, drawn": (
            lambda sample, sample_seed: bptt.sweep({"hidden": [0]}, sample=sample, sample_seed=sample_seed, engine="threads"),
            {"sample": 1, "sample_seed": 0},
        ),
        "from_keras": (bptt.from_keras, {"path": "no.keras", "activation": None}),
        "from_onnx": (bptt.from_onnx, {"path": "no.onnx"}),
    }  # fmt: skip
    wrong = {}
    for door, (call, given) in doors.items():
        for name in given:
            for what, value in BAD.items():
                try:
                    outcome(call, given | {name: value})
                except Exception as error:
                    wrong[door, name, what] = f"{type(error).__name__}: {error}"
    assert not wrong


ARRAYS = [
    (door, name) for door, (_, given) in DOORS.items()
    for name, value in given.items() if isinstance(value, np.ndarray)
]  # fmt: skip


@pytest.mark.parametrize(("door", "name"), ARRAYS)
def test_how_an_array_lies_in_memory_changes_nothing(door, name):
    call, given = DOORS[door]
    expected = arrays_in(outcome(call, given))
    for form, value in forms(given[name]).items():
        result = outcome(call, given | {name: value})
        assert not isinstance(result, BpttError), (form, result)
        for ours, theirs in zip(arrays_in(result), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=form)


def test_a_tensor_without_a_gradient_is_an_array():
    torch = pytest.importorskip("torch", reason="pip install torch")
    for door, name in ARRAYS:
        call, given = DOORS[door]
        if given[name].dtype == bool and door == "Network.run":
            continue
        ours = arrays_in(outcome(call, given | {name: torch.from_numpy(given[name].copy())}))
        for one, other in zip(ours, arrays_in(outcome(call, given)), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=f"{door}, {name}")


@pytest.mark.parametrize(
    ("sizes", "name"),
    [({"layers": 10**30}, "layers"), ({"hidden": 10**9}, "hidden"), ({"inputs": 10**30}, "inputs"), ({"outputs": 10**14}, "outputs")],
)  # fmt: skip
def test_sizes_are_bounded_by_the_memory_and_said(sizes, name):
    given = {"inputs": 3, "hidden": 4, "outputs": 2} | sizes
    error = outcome(bptt.Network.init, given)
    assert isinstance(error, BpttError)
    assert error.argument == name
    assert "fit into the memory" in error.expected
    assert "bytes" in error.got


def test_threads_beyond_any_machine_are_refused():
    error = outcome(bptt.set_num_threads, {"count": 10**9})
    assert str(error).startswith("count: expected a whole number from 1 to 1024, got 1000000000.")
