"""The lags of every kind of recurrent module add up to the gradient that autograd gives by itself."""

import copy
import itertools
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import bptt
from bptt.torch_models.capture import capturing
from bptt.torch_models.convert import suffixes
from bptt.torch_models.decompose import decompose

T, B, I, H = 9, 4, 3, 6
D = torch.float64


class Reader(nn.Module):
    """A recurrent module, and a loss that sees its outputs, its final states, or both."""

    def __init__(self, rnn, sees="out"):
        super().__init__()
        self.rnn, self.sees = rnn, sees

    def forward(self, x, hx=None):
        out, final = self.rnn(x, hx)
        final = final if isinstance(final, tuple) else (final,)
        if isinstance(out, nn.utils.rnn.PackedSequence):
            out = pad_packed_sequence(out)[0]
        parts = {"out": (out,), "final": final, "both": (out, *final)}[self.sees]
        return sum((torch.sin(3 * part) * part).sum() for part in parts)


def loss(model, batch):
    return model(*batch)


def gradients(model, batch, loss=loss):
    """Autograd's own, of a copy that nobody has touched."""
    other = copy.deepcopy(model)
    state = torch.get_rng_state()
    loss(other, batch).backward()
    torch.set_rng_state(state)
    return {name: p.grad for name, p in other.named_parameters()}


def agree(model, batch, loss=loss, tolerance=1e-10):
    """How many layers' lags add up to autograd's gradient of the weights."""
    expected = gradients(model, batch, loss)
    with capturing(model, batch, loss) as captured:
        calls = {call.path: call for call in captured.calls}
    parts = decompose(model, batch, loss)
    compared = 0
    for path, module in parts.modules.items():
        for name, W_hr in zip(
            suffixes(module), calls[path].acting.projections or itertools.repeat(None), strict=False
        ):  # fmt: skip
            dW = parts.profiles[compared].dW_R
            dW = dW if W_hr is None else dW @ W_hr.detach().double().numpy().T
            theirs = expected[f"{path}.weight_hh{name}".lstrip(".")].double().numpy()
            assert np.abs(dW - theirs).max() <= tolerance * np.abs(theirs).max(), (path, name)
            assert parts.profiles[compared].residual < tolerance
            compared += 1
    return compared


def make(kind, **options):
    torch.manual_seed(0)
    return getattr(nn, kind)(I, H, dtype=D, **options)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("sees", ["out", "final", "both"])
def test_levels_and_directions(kind, layers, bidirectional, sees):
    model = Reader(make(kind, num_layers=layers, bidirectional=bidirectional), sees)
    x = torch.randn(T, B, I, dtype=D)
    states = layers * (1 + bidirectional)
    h0 = torch.randn(states, B, H, dtype=D)
    hx = (h0, torch.randn(states, B, H, dtype=D)) if kind == "LSTM" else h0
    assert agree(model, (x, hx)) == states
    assert agree(model.eval(), (x,)) == states


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("options", [
    {"batch_first": True}, {"bias": False}, {"batch_first": True, "num_layers": 2, "dropout": 0.4},
    {"num_layers": 3, "dropout": 0.5, "bidirectional": True},
], ids=str)  # fmt: skip
def test_options(kind, options):
    model = Reader(make(kind, **options), "both")
    x = (
        torch.randn(B, T, I, dtype=D)
        if options.get("batch_first")
        else torch.randn(T, B, I, dtype=D)
    )
    assert agree(model, (x,))
    assert agree(model.eval(), (x,))


def test_relu():
    assert agree(
        Reader(make("RNN", nonlinearity="relu", num_layers=2)), (torch.randn(T, B, I, dtype=D),)
    )


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_without_a_batch_axis(kind):
    model = Reader(make(kind, num_layers=2, bidirectional=True, dropout=0.3), "both")
    assert agree(model, (torch.randn(T, I, dtype=D),))
    h0 = torch.randn(4, H, dtype=D)
    assert agree(model, (torch.randn(T, I, dtype=D), (h0, h0) if kind == "LSTM" else h0))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_packed_sequences(kind, in_order, bidirectional):
    model = Reader(make(kind, num_layers=2, bidirectional=bidirectional, dropout=0.3), "both")
    lengths = [9, 7, 7, 2] if in_order else [4, 9, 1, 6]
    x = pack_padded_sequence(torch.randn(T, B, I, dtype=D), lengths, enforce_sorted=in_order)
    h0 = torch.randn(2 * (1 + bidirectional), B, H, dtype=D)
    assert agree(model, (x, (h0, h0.sin()) if kind == "LSTM" else h0))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("sees", ["out", "final", "both"])
def test_projection(layers, bidirectional, sees):
    model = Reader(make("LSTM", proj_size=4, num_layers=layers, bidirectional=bidirectional), sees)
    states = layers * (1 + bidirectional)
    x, h0 = torch.randn(T, B, I, dtype=D), torch.randn(states, B, 4, dtype=D)
    assert agree(model, (x,)) == states
    assert agree(model, (x, (h0, torch.randn(states, B, H, dtype=D)))) == states


@pytest.mark.parametrize("bidirectional", [False, True])
def test_dropout_between_levels_of_an_lstm_with_a_projection(bidirectional):
    """It acts on the projected states, in training mode; packed sequences draw it in an order of their own."""
    model = Reader(
        make("LSTM", proj_size=4, num_layers=3, dropout=0.4, bidirectional=bidirectional), "both"
    )
    assert agree(model, (torch.randn(T, B, I, dtype=D),)) == 3 * (1 + bidirectional)
    packed = pack_padded_sequence(torch.randn(T, B, I, dtype=D), [9, 7, 7, 2])
    assert agree(model, (packed,)) == 3 * (1 + bidirectional)


class Loop(nn.Module):
    """A cell called step by step."""

    def __init__(self, kind, detach_every=None):
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.detach_every = getattr(nn, kind)(I, H, dtype=D), detach_every

    def forward(self, x):
        state, total = None, 0.0
        for t, x_t in enumerate(x):
            if self.detach_every and t and t % self.detach_every == 0:
                state = (
                    tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
                )
            state = self.cell(x_t, state)
            h = state[0] if isinstance(state, tuple) else state
            total = total + (torch.sin(3 * h) * h).sum()
        return total


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("detach_every", [None, 4])
def test_cells_in_a_loop(kind, detach_every):
    model = Loop(kind, detach_every)
    x = torch.randn(T, B, I, dtype=D)
    assert agree(model, (x,))
    lags = len(bptt.diagnose(model, (x,), loss).layers["cell.0"].profile.lags)
    assert lags == (detach_every or T)
    assert agree(model, (x[:, 0],))


class Chunks(nn.Module):
    """A module called chunk by chunk, its state carried over; and once more on something else."""

    def __init__(self, kind):
        super().__init__()
        self.rnn = make(kind, num_layers=2, dropout=0.3)

    def forward(self, x, y):
        total, state = 0.0, None
        for part in x.split(4):
            out, state = self.rnn(part, state)
            total = total + out.sin().sum()
        return total + (self.rnn(y)[0] ** 2).sum()


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_shared_module_called_several_times(kind):
    model = Chunks(kind)
    batch = torch.randn(T, B, I, dtype=D), torch.randn(5, 2, I, dtype=D)
    assert agree(model, batch) == 2
    report = bptt.diagnose(model, batch, loss)
    # One sequence of 9 through three calls; one of 5 beside it.
    assert len(report.layers["rnn.0"].profile.lags) > 5


class Deep(nn.Module):
    """Several modules with other layers between them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.lower = nn.GRU(I, H, dtype=D)
        self.norm = nn.BatchNorm1d(H, dtype=D)
        self.upper = nn.LSTM(H, 5, dtype=D)

    def forward(self, x):
        h = self.lower(x)[0]
        h = self.norm(h.transpose(1, 2)).transpose(1, 2)
        return (self.upper(h)[0] ** 2).sum()


def test_several_modules():
    x = torch.randn(T, B, I, dtype=D)
    assert agree(Deep(), (x,)) == 2
    assert list(bptt.diagnose(Deep(), (x,), loss).layers) == ["lower.0", "upper.0"]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_types(dtype, tolerance):
    model = Reader(make("LSTM", num_layers=2).to(dtype))
    assert agree(model, (torch.randn(T, B, I, dtype=dtype),), tolerance=tolerance)


def test_eval_mode_without_a_warning_and_a_frozen_layer():
    model = Reader(make("LSTM", num_layers=2, dropout=0.5)).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = bptt.diagnose(model, (torch.randn(T, B, I, dtype=D),), loss)
    assert len(report.diagnosis.checked) == 2
    assert "weight_hh_l1.grad" in str(report)
    assert not any(p.requires_grad for p in model.parameters())


def test_the_model_is_left_as_it_was():
    model = nn.ModuleDict({"deep": Deep(), "own": Reader(make("GRU", num_layers=2, dropout=0.5))})
    x = torch.randn(T, B, I, dtype=D)
    model["own"].eval()
    model["deep"].upper.weight_hh_l0.requires_grad_(False)
    (model["deep"](x) + model["own"](x)).backward()
    before = {n: t.clone() for n, t in model.state_dict().items()}
    grads = {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}
    held = {n: p.grad for n, p in model.named_parameters()}
    asked = {n: p.requires_grad for n, p in model.named_parameters()}
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    modes = [m.training for m in model.modules()]
    rng, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    bptt.diagnose(model, x, lambda m, x: m["deep"](x) + m["own"](x) + np.random.rand())  # noqa: NPY002
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    for n, p in model.named_parameters():
        assert p.grad is held[n]
        assert p.grad is None or torch.equal(p.grad, grads[n])
        assert p.requires_grad is asked[n]
    assert modes == [m.training for m in model.modules()]
    assert hooks == [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    assert torch.equal(rng, torch.get_rng_state())
    assert (numpys == np.random.get_state()[1]).all()  # noqa: NPY002


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_immediate_and_total_gradient_of_the_states(kind):
    """The immediate one is retain_grad's; the total one is autograd's through cells in a loop."""
    cell = getattr(nn, f"{kind}Cell")(I, H, dtype=D)
    x, d = torch.randn(T, B, I, dtype=D), torch.randn(T, B, H, dtype=D)
    state, hs = None, []
    for x_t in x:
        state = cell(x_t, state)
        hs.append(state[0] if isinstance(state, tuple) else state)
    total = torch.autograd.grad(sum((h * e).sum() for h, e in zip(hs, d, strict=True)), hs)
    steps = bptt.by_step(bptt.torch_models.from_torch(cell).forward(x.numpy()), d.numpy())
    assert np.allclose(steps.immediate, d.square().sum(2).mean(1).sqrt(), rtol=1e-12)
    expected = torch.stack(total).square().sum(2).mean(1).sqrt()
    assert np.allclose(steps.total, expected, rtol=1e-12)
