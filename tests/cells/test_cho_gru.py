"""The GRU with its reset gate before W_R: what only this cell has, against PyTorch's autograd and closed forms."""

import numpy as np
import pytest

import bptt
from bptt.errors import OptionError
from tests.conftest import relative

I, H, T, B = 2, 3, 7, 2


def autograd_by_lag(layer, x, dh):
    """G_k by autograd in float64 with one copy of W_R per step, one backward pass per loss step."""
    torch = pytest.importorskip("torch")
    W_F, W_R, b, x, dh = (torch.from_numpy(a) for a in (layer.W_F, layer.W_R, layer.b, x, dh))
    copies = [W_R.clone().requires_grad_() for _ in range(len(x))]
    h, states = torch.zeros(x.shape[1], H, dtype=torch.float64), []
    for x_t, W in zip(x, copies, strict=True):
        (r, z, n), (W_r, W_z, W_n) = (x_t @ W_F.T + b).chunk(3, 1), W.chunk(3)
        r, z = torch.sigmoid(r + h @ W_r.T), torch.sigmoid(z + h @ W_z.T)
        h = (1 - z) * torch.tanh(n + (r * h) @ W_n.T) + z * h
        states.append(h)
    G = np.zeros((len(x), *W_R.shape))
    for t, state in enumerate(states):
        parts = torch.autograd.grad(state, copies[: t + 1], dh[t], retain_graph=True)
        for s, part in enumerate(parts):
            G[t - s] += part.numpy()
    return G


@pytest.mark.parametrize("exponent", [0, -120])
def test_every_lag_at_any_scale_of_the_weights(exponent, rng):
    """Far from 1 the walk keeps the scale of W_R apart: dr has it once, what goes back has it twice."""
    layer = bptt.ChoGRU.init(I, H, rng=0, dtype="float64")
    layer.W_R = np.ldexp(layer.W_R, exponent)
    x, dh = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    exact = autograd_by_lag(layer, x, dh)
    profile = bptt.by_lag(layer.forward(x), dh, keep_matrices=True)
    for found, wanted in zip(profile.matrices[:-1], exact[:-1], strict=True):
        for gate in ("r", "z", "n"):  # whose sizes lie far apart where W_R is small
            rows = layer.cell.block(gate, H)
            assert relative(found[rows], wanted[rows]) < 1e-12
    assert profile.residual < 1e-14


def test_a_reset_gate_that_is_open_makes_it_a_gru(rng):
    """With r = 1 both forms are one network; the gradient of the candidate's rows is the same too."""
    old = bptt.ChoGRU.init(I, H, rng=0, dtype="float64")
    old.W_F[:H], old.W_R[:H], old.b[:H] = 0, 0, 60
    new = bptt.GRU(old.W_F, old.W_R, old.b, np.zeros(H))
    x, dh = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    one, other = old.forward(x), new.forward(x)
    assert relative(one.h, other.h) < 1e-15
    mine, theirs = (
        bptt.by_lag(one, dh, keep_matrices=True),
        bptt.by_lag(other, dh, keep_matrices=True),
    )
    assert relative(mine.matrices, theirs.matrices) < 1e-14
    assert np.allclose(mine.carry_share, theirs.carry_share, rtol=1e-12)


def test_each_sequence_by_itself_has_the_gradient_it_has_alone(rng):
    """The norms that a standard error is made of, with many steps and with few."""
    layer = bptt.ChoGRU.init(I, H, rng=0, dtype="float64")
    x, dh = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    from bptt.gradients.by_lag.layer_walk import LayerWalk
    from bptt.gradients.by_lag.rows import Rows

    trace = layer.forward(x)
    walk = LayerWalk(trace, 0, T)
    walk.receive(Rows.of(0, dh.copy(), np.zeros((T, B), np.int64), np.ones((T, B), bool)))
    lag = walk.walk(hand_down=False, by_sequence=True)
    for n in range(B):
        alone = bptt.by_lag(layer.forward(x[:, n : n + 1]), dh[:, n : n + 1])
        assert lag.by_sequence[n] / np.log(10) == pytest.approx(alone.log10_norm[0], abs=1e-12)


def test_steps_add_up_to_the_gradient(rng):
    layer = bptt.ChoGRU.init(I, H, rng=0, dtype="float64")
    x, dh = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    trace = layer.forward(x)
    steps = bptt.by_step(trace, dh)
    dW_R = layer.backward(trace, dh).dW_R
    assert relative(steps.dW_R, dW_R) < 1e-13
    assert steps.share.sum() == pytest.approx(1, abs=1e-12)
    # E moves by h_0 as by what arrives at the first state
    assert steps.total.shape == (T,)
    last = np.zeros_like(dh)
    last[-1] = dh[-1]
    exact = [layer.backward(layer.forward(x[t:], h0=trace.h[t]), last[t:]).dh0 for t in range(1, T)]
    rms = np.sqrt([np.square(d).sum(-1).mean() for d in exact])
    assert np.allclose(bptt.by_step(trace, last).total[:-1], rms, rtol=1e-12)


@pytest.mark.needs("torch")
def test_pytorch_has_no_such_module():
    with pytest.raises(OptionError, match="PyTorch has no module for another cell"):
        bptt.to_torch(bptt.ChoGRU.init(I, H, rng=0))


@pytest.mark.needs("rich")
def test_saved_read_diagnosed_and_remedied(tmp_path, rng):
    net = bptt.Network.init(I, H, 2, cell="cho_gru", loss_at="last", rng=0)
    net.save(tmp_path / "m.safetensors")
    again = bptt.Network.load(tmp_path / "m.safetensors")[0]
    assert isinstance(again.layer, bptt.ChoGRU)
    x, targets = rng.normal(size=(40, 16, I)).astype("f4"), rng.integers(2, size=16)
    report = bptt.diagnose(again, (x, targets), needed_lag=30)
    z = again.run(x, targets).stack_trace.traces[0].gate("z")
    assert report.layers["cho_gru.0"].carry_gate == pytest.approx(z.mean(), rel=1e-5)
    assert report.layers["cho_gru.0"].profile.residual < 1e-5
