"""PyTorch autograd on nn.RNN, nn.LSTM and nn.GRU, packed sequences included: independent answers."""

import numpy as np
import pytest

import bptt
from bptt.layers.build import build

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

T, B, I, H = 9, 4, 3, 5
LENGTHS = np.array([9, 4, 7, 1])
NAMES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


def both(cell, layers, bidirectional, rng, nonlinearity="tanh"):
    """The same weights in a torch module and in a stack."""
    options = {"nonlinearity": nonlinearity} if cell == "rnn" else {}
    module = getattr(torch.nn, NAMES[cell])(
        I, H, layers, bidirectional=bidirectional, dtype=torch.float64, **options
    )
    for p in module.parameters():
        p.data = torch.tensor(rng.normal(size=p.shape) * 0.7)
    levels = []
    for depth in range(layers):
        made = []
        for end in ["", "_reverse"][: 1 + bidirectional]:
            w = {
                k: getattr(module, f"{k}_l{depth}{end}").detach().numpy()
                for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            b = w["bias_ih"] + w["bias_hh"]
            if cell == "rnn":
                made.append(bptt.RNN(w["weight_ih"], w["weight_hh"], b, nonlinearity))
            elif cell == "lstm":
                made.append(bptt.LSTM(w["weight_ih"], w["weight_hh"], b))
            else:
                b[2 * H :] = w["bias_ih"][2 * H :]
                made.append(bptt.GRU(w["weight_ih"], w["weight_hh"], b, w["bias_hh"][2 * H :]))
        levels.append(bptt.Bidirectional(*made) if bidirectional else made[0])
    return module, bptt.Stack(levels)


def grads_of(module, layers, bidirectional):
    """(weight_ih, weight_hh, bias_ih, bias_hh) per layer in the stack's order."""
    ends = ["", "_reverse"][: 1 + bidirectional]
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [
        [getattr(module, f"{k}_l{depth}{end}").grad.numpy() for k in kinds]
        for depth in range(layers)
        for end in ends
    ]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_autograd(cell, layers, bidirectional, packed, rng):
    module, stack = both(cell, layers, bidirectional, rng)
    x, dy = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H * (1 + bidirectional)))
    n = layers * (1 + bidirectional)
    h0, c0 = rng.normal(size=(n, B, H)), rng.normal(size=(n, B, H))
    lengths = None
    inputs = torch.tensor(x, requires_grad=True)
    first = torch.tensor(h0, requires_grad=True)
    state = (first, torch.tensor(c0)) if cell == "lstm" else first
    if packed:
        lengths = LENGTHS
        dy[np.arange(T)[:, None] >= lengths] = 0
        sequence = torch.nn.utils.rnn.pack_padded_sequence(
            inputs, torch.tensor(lengths), enforce_sorted=False
        )
        y, final = module(sequence, state)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=T)
    else:
        y, final = module(inputs, state)
    (y * torch.tensor(dy)).sum().backward()

    trace = stack.forward(x, h0, c0 if cell == "lstm" else None, lengths=lengths)
    inside = np.arange(T)[:, None] < (lengths if packed else np.full(B, T))
    assert np.abs(trace.outputs - y.detach().numpy())[inside].max() < 1e-13
    final_h = (final[0] if cell == "lstm" else final).detach().numpy()
    for t, expected in zip(trace.traces, final_h, strict=True):
        assert np.abs(t.h[-1] - expected).max() < 1e-13

    grads = stack.backward(trace, dy)
    profiles = bptt.by_lag(trace, dy, keep_matrices=True)
    scale = max(np.abs(g[1]).max() for g in grads_of(module, layers, bidirectional))
    for g, profile, t in zip(
        grads.layers, profiles, grads_of(module, layers, bidirectional), strict=True
    ):
        dW_F, dW_R, db, db_hh = t
        assert np.abs(g.dW_F - dW_F).max() < 1e-12 * scale
        assert np.abs(g.dW_R - dW_R).max() < 1e-12 * scale
        assert np.abs(g.db - db).max() < 1e-12 * scale
        assert np.abs(profile.matrices.sum(0) - dW_R).max() < 1e-12 * scale
        assert profile.residual < 1e-12
        if cell == "gru":
            assert np.abs(g.db_Rn - db_hh[2 * H :]).max() < 1e-12 * scale
    assert np.abs(grads.dx - inputs.grad.numpy())[inside].max() < 1e-12 * scale
    dh0 = np.stack([g.dh0 for g in grads.layers])
    assert np.abs(dh0 - first.grad.numpy()).max() < 1e-12 * scale


def test_relu(rng):
    module, stack = both("rnn", 2, False, rng, "relu")
    x, dy = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    (module(torch.tensor(x))[0] * torch.tensor(dy)).sum().backward()
    grads = stack.backward(stack.forward(x), dy)
    for g, (_, dW_R, _, _) in zip(grads.layers, grads_of(module, 2, False), strict=True):
        assert np.abs(g.dW_R - dW_R).max() < 1e-12 * np.abs(dW_R).max()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_fresh_weights_are_drawn_as_in_pytorch(cell):
    """Moments of every parameter, of one wide layer each."""
    wide = 300
    module = getattr(torch.nn, NAMES[cell])(20, wide)
    layer = build(cell, 20, wide, 1, False, "pytorch", "tanh", 1.0, np.random.default_rng(0), "f4")
    for ours, theirs in (("W_F", "weight_ih_l0"), ("W_R", "weight_hh_l0")):
        a, b = layer.parameters()[ours], getattr(module, theirs).detach().numpy()
        assert a.shape == b.shape
        assert a.std() == pytest.approx(b.std(), rel=0.05)
        assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.05)
    summed = (module.bias_ih_l0 + module.bias_hh_l0).detach().numpy()
    assert layer.b[:wide].std() == pytest.approx(summed[:wide].std(), rel=0.2)


def test_cross_entropy_and_adam_as_in_pytorch(rng):
    """Ten steps of the same training from the same weights."""
    from bptt.training import Adam

    module, stack = both("lstm", 1, False, rng)
    module.bias_hh_l0.requires_grad_(False)  # bptt has one bias where PyTorch adds two
    torch.manual_seed(0)
    readout = torch.nn.Linear(H, 4, dtype=torch.float64)
    net = bptt.Network(stack.levels[0], readout.weight.detach().numpy().copy(),
                       readout.bias.detach().numpy().copy())  # fmt: skip
    net = net.copy()
    x, y = rng.normal(size=(T, B, I)), rng.integers(4, size=(T, B))
    ours, parameters = (
        Adam(1e-2),
        [p for p in [*module.parameters(), *readout.parameters()] if p.requires_grad],
    )
    theirs = torch.optim.Adam(parameters, 1e-2)
    for n in range(10):
        theirs.zero_grad()
        o = readout(module(torch.tensor(x))[0])
        loss = torch.nn.functional.cross_entropy(o.reshape(-1, 4), torch.tensor(y).reshape(-1))
        loss.backward()
        run = net.run(x, y)
        assert run.E == pytest.approx(loss.item(), rel=1e-9)
        grads = net.backward(run)
        ours.step(net.parameters(), {k: grads[k] for k in net.parameters()}, n + 1)
        theirs.step()
    assert run.E < 1.4
