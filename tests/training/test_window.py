"""BPTT(k1, k2) on a stream: chunks with the traces before them joined, against BPTT(k1, k2) in one run."""

import numpy as np
import pytest

import bptt
from bptt import errors, training
from bptt.training.states import at_rest, carried, final
from bptt.training.update import gradient
from bptt.training.window import joined, kept

T, B, I, H, O = 24, 3, 4, 5, 6
WINDOWS = [(4, 4), (4, 6), (4, 12), (3, 24), (1, 5), (8, 9)]


def network(cell, layers=1):
    return bptt.Network.init(
        I, H, O, cell=cell, layers=layers, gain=1.5, rng=3, dtype="float64"
    )  # fmt: skip


def chunks(net, x, y, k1, k2):
    """The gradients of all updates, with the weights as they are."""
    state, past, found = at_rest(net, B), [], []
    for first in range(0, T, k1):
        here = slice(first, first + k1)
        run = net.run(**carried(x[here], y[here], state))
        whole = joined(past, run)
        found.append(gradient(net, whole))
        state, past = final(run), kept(whole, k2 - k1)
    return found


@pytest.fixture
def batch(rng):
    return rng.normal(size=(T, B, I)), rng.integers(O, size=(T, B))


@pytest.mark.parametrize(("k1", "k2"), WINDOWS)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "cho_gru"])
def test_sum_is_that_of_truncated_bptt(cell, k1, k2, batch):
    net, (x, y) = network(cell), batch
    run = net.run(x, y)
    # A chunk's loss is a mean over k1 steps, the whole run's one over T.
    expected = bptt.truncated_bptt(run.trace, run.dh, k1, k2) * (T / k1)
    found = sum(grads["W_R"] for grads in chunks(net, x, y, k1, k2))
    assert np.abs(found - expected).max() < 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize(("k1", "k2"), WINDOWS)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "cho_gru"])
def test_two_layers_every_parameter(cell, k1, k2, batch):
    """The slow way: every window run forward anew from the state before it, on its own."""
    net, (x, y) = network(cell, layers=2), batch
    whole = net.stack.forward(x)
    for number, grads in enumerate(chunks(net, x, y, k1, k2)):
        last = (number + 1) * k1
        first = max(0, last - k2)
        state = [[part[first] for part in trace.states] for trace in whole.traces]
        trace = net.stack.forward(x[first:last], [s[0] for s in state], [
            s[1] if len(s) == 2 else None for s in state
        ])  # fmt: skip
        dh = np.zeros((last - first, B, H))
        chunk = net.run(**carried(x[last - k1 : last], y[last - k1 : last], [
            tuple(part[last - k1] for part in t.states) for t in whole.traces
        ]))  # fmt: skip
        dh[-k1:] = chunk.dh
        expected = net.stack.backward(trace, dh).layers
        for name, layer in zip(net.stack.names, expected, strict=True):
            for parameter, value in layer.parameters().items():
                got = grads[f"{name}.{parameter}"]
                assert np.abs(got - value).max() < 1e-12 * max(1e-3, np.abs(value).max())


def test_no_gradient_crosses_the_start_of_the_text(text):
    """At the start of a pass the window holds that chunk alone: one update there is as without a window."""
    short = bptt.data.Text(text.name, text.characters, text.train[:132], text.held_out)
    size = len(text.characters)
    net = bptt.Network.init(size, 8, size, rng=0)

    def norms(window):
        seen = []
        training.train(
            net, short, updates=3, length=16, window=window, batch=4, optimiser=training.SGD(1e-30),
            clip=None, progress=lambda progress: seen.append(progress.norm),
        )  # fmt: skip
        return seen

    without, with_it = norms(None), norms(32)
    assert without[0] == with_it[0]
    assert without[1] != with_it[1]  # the second chunk reaches into the first
    assert without[2] == with_it[2]  # two chunks a pass: the third starts the text again


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "cho_gru"])
def test_resume_with_a_window_is_bit_for_bit(cell, text, tmp_path):
    size = len(text.characters)
    net = bptt.Network.init(size, 8, size, cell=cell, layers=2, rng=0)
    options = {"length": 5, "window": 17, "batch": 4}
    whole = training.train(net, text, updates=20, **options)
    training.train(net, text, updates=9, checkpoint=tmp_path / "a", **options)
    rest = training.train(
        net, text, updates=20, checkpoint=tmp_path / "a", resume=True, **options
    )  # fmt: skip
    for name, value in whole.network.parameters().items():
        assert (rest.network.parameters()[name] == value).all(), name


def test_refused(text):
    size = len(text.characters)
    net = bptt.Network.init(size, 8, size, rng=0)
    with pytest.raises(errors.OptionError, match=r"window: .*Pass at least the length, 64"):
        training.train(net, text, window=63)
    task = bptt.data.tasks.load("adding", 10)
    net = bptt.Network.init(2, 4, 1, loss="mse", loss_at="last", rng=0)
    with pytest.raises(errors.OptionError, match="window: expected a text"):
        training.train(net, task, window=64)
