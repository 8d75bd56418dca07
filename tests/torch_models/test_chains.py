"""Chains of several modules, inputs that are made of outputs, and weights that are made anew: each against autograd."""

import contextlib
import copy

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal, weight_norm
from torch.nn.utils.rnn import pack_padded_sequence

import bptt
from bptt.errors import AgreementError, OptionError
from bptt.gradients.by_lag.between_columns import Arriving
from bptt.torch_models.decompose import decompose
from tests.torch_models.stepping import PerCall, state_of

B, I, H = 3, 2, 5
D = torch.float64
KINDS = ["RNN", "LSTM", "GRU"]


def lags_of(model, x):
    parts = decompose(model, x, lambda model, x: model(x))
    return parts, dict(zip(parts.names, parts.profiles, strict=True))


def as_cell(module):
    cell = getattr(nn, f"{type(module).__name__}Cell")(
        module.input_size, module.hidden_size, dtype=D
    )
    cell.load_state_dict({n.removesuffix("_l0"): v for n, v in module.state_dict().items()})
    return cell


def by_position(losses, copies, norms=True):
    """G by lag of copies at known positions, from losses at known positions, by separate backward passes."""
    G = {}
    for t, value in losses:
        grads = torch.autograd.grad(
            value, [own.weight_hh for _, own in copies], retain_graph=True, allow_unused=True
        )
        for (s, _), grad in zip(copies, grads, strict=True):
            if grad is not None:
                G[t - s] = G.get(t - s, 0) + grad.numpy()
    return (
        G
        if not norms
        else np.array([np.linalg.norm(G.get(k, np.zeros(1))) for k in range(max(G) + 1)])
    )


class EncoderDecoder(nn.Module):
    """The final state of one module is the initial state of another."""

    def __init__(self, kind, bridge=None):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = getattr(nn, kind)(I, H, dtype=D)
        self.decoder = getattr(nn, kind)(I, H, dtype=D)
        self.bridge = bridge or nn.Identity()

    def start(self, state):
        parts = tuple(self.bridge(part) for part in state_of(state))
        return parts if isinstance(state, tuple) else parts[0]

    def forward(self, x):
        state = self.start(self.encoder(x[:6])[1])
        return (self.decoder(x[6:], state)[0] ** 2).sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bridge", [None, nn.Linear(H, H, dtype=D)], ids=["as it is", "linear"])
def test_encoder_and_decoder_are_one_chain_of_lag(kind, bridge):
    model, x = EncoderDecoder(kind, bridge), torch.randn(10, B, I, dtype=D)
    parts, profiles = lags_of(model, x)
    encoder, decoder = PerCall(as_cell(model.encoder)), PerCall(as_cell(model.decoder))
    state, losses = None, []
    for t, x_t in enumerate(x):
        if t == 6:
            state = model.start(state)
        state = (encoder if t < 6 else decoder)(x_t, state)
        if t >= 6:
            losses.append((t, (state_of(state)[0] ** 2).sum()))
    places = {"encoder.0": list(enumerate(encoder.copies))}
    places["decoder.0"] = [(6 + t, own) for t, own in enumerate(decoder.copies)]
    for name, copies in places.items():
        expected = by_position(losses, copies)
        assert np.allclose(profiles[name].norm, expected, rtol=1e-10), name
    assert profiles["encoder.0"].first_lag == 1
    assert len(profiles["encoder.0"].norm) == 10
    assert "states that are passed from encoder to decoder" in parts.remarks[0]
    alone = bptt.by_lag(*_alone(model, x)).horizon()
    sentence = (
        f"Within encoder.0 alone, from where it hands its states over, lags 0 to {alone} hold 95 %"
    )
    assert any(remark.startswith(sentence) for remark in parts.remarks)
    report = bptt.diagnose(model, x, lambda model, x: model(x))
    assert report.layers["encoder.0"].needed_lag == 1 + 3
    assert report.layers["decoder.0"].needed_lag == 2


def _alone(model, x):
    """The encoder's forward pass, and autograd's gradient at its final state."""
    _, final = model.encoder(x[:6])
    state = model.start(final)
    E = (model.decoder(x[6:], state)[0] ** 2).sum()
    grads = torch.autograd.grad(E, state_of(final))
    layer = bptt.from_torch(model.encoder)
    dh = np.zeros((6, B, H * len(grads)))
    dh[-1] = torch.cat([grad[0] for grad in grads], 1).numpy()
    return layer.forward(x[:6].numpy()), dh


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_deep_encoder_starts_a_deep_decoder(layers, two):
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.encoder = nn.LSTM(I, H, layers, bidirectional=two, dtype=D)
            self.decoder = nn.LSTM(I, H, layers, bidirectional=two, dtype=D)

        def forward(self, x):
            return (self.decoder(x, self.encoder(x)[1])[0] ** 2).sum()

    x = torch.randn(7, B, I, dtype=D)
    parts, _ = lags_of(Deep(), x)
    assert len(parts.profiles) == 2 * layers * (1 + two)
    assert any("decoder: the gradient at the states of 1 border" in s for s in parts.checked)


class Feeding(nn.Module):
    """A decoder whose output, or what it attends to, is part of its next input."""

    def __init__(self, kind, looks):
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.looks = getattr(nn, f"{kind}Cell")(I + H, H, dtype=D), looks

    def forward(self, x, each=None):
        state, outputs = None, [torch.zeros(x.shape[1], H, dtype=D)]
        total = 0.0
        for x_t in x:
            if self.looks == "at the last":
                seen = torch.tanh(outputs[-1] * 2)
            else:
                past = torch.stack(outputs)
                seen = ((past * outputs[-1]).sum(2, keepdim=True).softmax(0) * past).sum(0)
            state = self.cell(torch.cat([x_t, seen], 1), state)
            outputs.append(state_of(state)[0])
            loss = (outputs[-1] ** 2).sum()
            if each is not None:
                each(loss)
            total = total + loss
        return total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("looks", ["at the last", "at all"])
def test_an_output_that_is_part_of_a_later_input(kind, looks):
    model, x = Feeding(kind, looks), torch.randn(7, B, I, dtype=D)
    parts, profiles = lags_of(model, x)
    other, losses = copy.deepcopy(model), []
    other.cell = PerCall(other.cell)
    other(x, losses.append)
    expected = by_position(list(enumerate(losses)), list(enumerate(other.cell.copies)))
    assert np.allclose(profiles["cell.0"].norm, expected, rtol=1e-10)
    assert any("come back as part of later inputs" in sentence for sentence in parts.remarks)


class Attends(nn.Module):
    """An encoder, and a decoder that attends to its states and is fed with what it puts out."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.GRU(I, H, dtype=D)
        self.cell = nn.GRUCell(2 * H, H, dtype=D)

    def decode(self, memory, h, each):
        for _ in range(4):
            context = (torch.einsum("tbh,bh->tb", memory, h).softmax(0)[..., None] * memory).sum(0)
            h = self.cell(torch.cat([context, h.tanh()], 1), h)
            each((h**2).sum())

    def forward(self, x):
        memory, final = self.encoder(x)
        losses = []
        self.decode(memory, final[0], losses.append)
        return sum(losses)


def test_an_attention_decoder_with_input_feeding():
    model, x = Attends(), torch.randn(5, B, I, dtype=D)
    parts, profiles = lags_of(model, x)
    assert any(remark.startswith("Within encoder.0 alone") for remark in parts.remarks)
    assert not any(remark.startswith("Within cell.0 alone") for remark in parts.remarks)
    assert profiles["cell.0"].between_gain is not None
    other, losses = copy.deepcopy(model), []
    encoder, other.cell = PerCall(as_cell(model.encoder)), PerCall(other.cell)
    states = []
    for x_t in x:
        states.append(encoder(x_t, states[-1] if states else None))
    other.decode(torch.stack(states), states[-1], losses.append)
    losses = [(len(x) + t, value) for t, value in enumerate(losses)]
    copies = [(len(x) + t, own) for t, own in enumerate(other.cell.copies)]
    assert np.allclose(profiles["cell.0"].norm, by_position(losses, copies), rtol=1e-10)
    expected = by_position(losses, list(enumerate(encoder.copies)))
    assert np.allclose(profiles["encoder.0"].norm, expected, rtol=1e-10)


def test_inputs_that_pass_another_recurrence_are_counted_from_the_step_that_read():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.lower, self.upper = nn.GRUCell(I + H, H, dtype=D), nn.GRUCell(H, H, dtype=D)

        def forward(self, x):
            a = b = torch.zeros(x.shape[1], H, dtype=D)
            total = 0.0
            for x_t in x:
                a = self.lower(torch.cat([x_t, b], 1), a)
                b = self.upper(a, b)
                total = total + (b**2).sum()
            return total

    model, x = Two(), torch.randn(7, B, I, dtype=D)
    parts, profiles = lags_of(model, x)
    model(x).backward()
    for name in ("lower", "upper"):
        expected = getattr(model, name).weight_hh.grad.numpy()
        assert np.allclose(profiles[f"{name}.0"].dW_R, expected, rtol=1e-10)
    assert any("past the recurrence" in sentence for sentence in parts.remarks)


class Dropped(nn.Module):
    """An LSTM whose recurrent weights lose some entries in every call, as in AWD-LSTM."""

    def __init__(self, redrawn):
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.redrawn = nn.LSTM(I, H, dtype=D), redrawn
        self.raw = nn.Parameter(self.rnn.weight_hh_l0.detach().clone())
        del self.rnn._parameters["weight_hh_l0"]

    def forward(self, x, rnn=None):
        state, total = None, 0.0
        for n, part in enumerate(x.split(3)):
            if self.redrawn or n == 0:
                self.rnn.weight_hh_l0 = nn.functional.dropout(self.raw, 0.5)
            out, state = self.rnn(part, state)
            total = total + (out**2).sum()
        return total


@pytest.mark.parametrize("redrawn", [False, True])
def test_weights_with_dropout_are_measured_as_they_acted(redrawn):
    model, x = Dropped(redrawn), torch.randn(9, B, I, dtype=D)
    parts, profiles = lags_of(model, x)
    profile = profiles["rnn.0"]
    assert len(profile.norm) == 9
    # A copy of the weights per step, by cells: the drop masks are those of the same random numbers.
    rng = torch.get_rng_state()
    weights = [nn.functional.dropout(model.raw, 0.5).detach() for _ in range(3)]
    cells, state, losses = [], None, []
    for t, x_t in enumerate(x):
        cell = nn.LSTMCell(I, H, dtype=D)
        names = ("weight_ih", "bias_ih", "bias_hh")
        cell.load_state_dict(
            {n: getattr(model.rnn, f"{n}_l0").detach() for n in names}
            | {"weight_hh": weights[t // 3 if redrawn else 0]}
        )
        state = cell(x_t, state)
        cells.append((t, cell))
        losses.append((t, (state[0] ** 2).sum()))
    torch.set_rng_state(rng)
    assert np.allclose(profile.norm, by_position(losses, cells), rtol=1e-10)
    assert any("acts in each of" in sentence for sentence in parts.checked)


class Reads(nn.Module):
    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    def forward(self, x):
        return (self.rnn(x)[0] ** 2).sum()


PARAMETRISED = {
    "weight norm": lambda rnn: weight_norm(rnn, "weight_hh_l0"),
    "orthogonal": lambda rnn: orthogonal(rnn, "weight_hh_l0"),
    "old weight norm": lambda rnn: nn.utils.weight_norm(rnn, "weight_hh_l0"),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
@pytest.mark.parametrize("name", PARAMETRISED)
def test_parametrised_recurrent_weights(name):
    torch.manual_seed(0)
    rnn = nn.GRU(I, H, dtype=D) if name != "orthogonal" else nn.RNN(I, H, dtype=D)
    PARAMETRISED[name](rnn)
    model, x = Reads(rnn), torch.randn(7, B, I, dtype=D)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    profiles = lags_of(model, x)[1]
    plain = type(rnn)(I, H, dtype=D)
    with torch.no_grad():
        rnn(x)
        for n in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            getattr(plain, n).copy_(getattr(rnn, n))
    expected = lags_of(Reads(plain), x)[1]["rnn.0"]
    assert np.allclose(profiles["rnn.0"].norm, expected.norm, rtol=1e-12)
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())
    assert bptt.diagnose(model, x, lambda m, x: m(x)).layers
    with bptt.Monitor(model, x, lambda m, x: m(x), log=[].append) as monitor:
        monitor.model(x).backward()


def test_tied_recurrent_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.RNN(H, H, dtype=D), nn.RNN(H, H, dtype=D)
            self.b.weight_hh_l0 = self.a.weight_hh_l0
            self.head = nn.Linear(H, H, bias=False, dtype=D)
            self.head.weight = self.a.weight_hh_l0

        def forward(self, x):
            return (self.head(self.b(self.a(x)[0])[0]) ** 2).sum()

    model, x = Tied(), torch.randn(7, B, H, dtype=D)
    profiles = lags_of(model, x)[1]
    untied = copy.deepcopy(model)
    for module, name in ((untied.b, "weight_hh_l0"), (untied.head, "weight")):
        setattr(module, name, nn.Parameter(getattr(module, name).detach().clone()))
    untied(x).backward()
    for name in ("a", "b"):
        expected = getattr(untied, name).weight_hh_l0.grad.numpy()
        assert np.allclose(profiles[f"{name}.0"].dW_R, expected, rtol=1e-10)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_layer_under_activation_checkpointing(reentrant):
    from torch.utils.checkpoint import checkpoint

    class Saving(Reads):
        def forward(self, x):
            x = x.detach().requires_grad_()
            total, state = 0.0, None
            for part in x.split(3):
                out, state = checkpoint(self.rnn, part, state, use_reentrant=reentrant)
                total = total + (out**2).sum()
            return total

    model, x = Saving(nn.GRU(I, H, dtype=D)), torch.randn(9, B, I, dtype=D)
    profiles = lags_of(model, x)[1]
    expected = lags_of(Reads(model.rnn), x)[1]
    assert np.allclose(profiles["rnn.0"].norm, expected["rnn.0"].norm, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_keyword_arguments_in_any_order_and_packed_sequences_out_of_order_with_states(kind):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.rnn = getattr(nn, kind)(I, H, dtype=D)
            self.h0 = nn.Parameter(torch.randn(1, B, H, dtype=D))

        def forward(self, x, lengths=(4, 7, 2)):
            h0 = (self.h0, self.h0.sin()) if kind == "LSTM" else self.h0
            packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
            out, final = self.rnn(hx=h0, input=packed)
            return (out.data**2).sum() + sum((part**3).sum() for part in state_of(final))

    model, x = Named(), torch.randn(7, B, I, dtype=D)
    profiles = lags_of(model, x)[1]
    model(x).backward()
    expected = model.rnn.weight_hh_l0.grad.numpy()
    assert np.allclose(profiles["rnn.0"].dW_R, expected, rtol=1e-10)
    assert len(profiles["rnn.0"].norm) == 7


class Frees(torch.autograd.Function):
    """An operation that gives its gradient only once."""

    @staticmethod
    def forward(ctx, h):
        ctx.kept = [0.5]
        return h * 0.5

    @staticmethod
    def backward(ctx, d):
        return d * ctx.kept.pop()


def test_a_state_that_cannot_be_carried_is_an_error_that_names_the_operation():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.GRUCell(I, H)

        def forward(self, x):
            return self.cell(x[1], Frees.apply(self.cell(x[0]))).sum()

    with pytest.raises(AgreementError, match=r"cell: .*gradient can be taken.* got FreesBackward"):
        bptt.diagnose(Odd(), torch.randn(2, B, I), lambda m, x: m(x))


@pytest.mark.parametrize("layers", [1, 2])
def test_a_prediction_that_is_written_into_the_next_input(layers):
    class Predicts(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.rnn = nn.LSTM(I, H, layers, batch_first=True, dtype=D)
            self.read = nn.Linear(H, 1, dtype=D)

        def forward(self, x):
            out, state = self.rnn(x)
            y, total = self.read(out[:, -1]), 0.0
            for _ in range(4):
                x_t = torch.cat([y, y.detach() * 0], 1)
                out, state = self.rnn(x_t[:, None], state)
                y = self.read(out[:, -1])
                total = total + (y**2).sum()
            return total

    model, x = Predicts(), torch.randn(B, 6, I, dtype=D)
    parts, profiles = lags_of(model, x)
    model(x).backward()
    for n in range(layers):
        expected = getattr(model.rnn, f"weight_hh_l{n}").grad.numpy()
        assert np.allclose(profiles[f"rnn.{n}"].dW_R, expected, rtol=1e-9)
        assert len(profiles[f"rnn.{n}"].norm) == 10
    assert len(parts.traces[0].x) == 10


class Stepped(nn.Module):
    """Two cells in a loop; the state of the first is lost on the way."""

    def __init__(self, second=True):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.GRUCell(I, H), nn.GRUCell(H, H) if second else None

    def forward(self, x):
        a, b, total = None, None, 0.0
        for x_t in x:
            a = self.first(x_t, None if a is None else a.detach())
            b = a if self.second is None else self.second(a, b)
            total = total + (b**2).sum()
        return total


def test_a_cell_whose_state_is_lost_at_every_step():
    x = torch.randn(12, B, I)
    with pytest.raises(OptionError, match=r"got 12 calls of first, one step each, with no state"):
        bptt.diagnose(Stepped(second=False), x, lambda m, x: m(x))
    report = bptt.diagnose(Stepped(), x, lambda m, x: m(x))
    assert report.layers["first.0"].verdict == "vanishing"
    assert report.layers["first.0"].needed_lag == 6
    layer = report.layers["first.0"]
    assert (layer.cause.name, layer.cause.number) == ("state not passed on", 12)
    assert "called 12 times, one step each, and no state goes from one call" in layer.cause.sentence
    assert [advice.sentence for advice in layer.advice] == [
        "Pass the state on from one call to the next, and do not detach it or set it to zero in between."
    ]
    assert "lost between its steps" in report.html()
    assert report.layers["second.0"].cause.name != "state not passed on"


def test_means_are_over_the_steps_that_there_are():
    """A second call from the same state begins late: what would lie before it does not count."""

    class Forks(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.cell = nn.LSTMCell(I, H, dtype=D)

        def forward(self, x, forks=True):
            state, total = None, 0.0
            for x_t in x:
                other = self.cell(x_t, state) if forks else None
                state = self.cell(x_t, state)
                total = total + (state[0] ** 2).sum()
                if other is not None:
                    total = total + 0.5 * (other[0] ** 2).sum()
            return total

    model, x = Forks(), torch.randn(8, B, I, dtype=D)
    forked = bptt.diagnose(model, x, lambda m, x: m(x)).layers["cell.0"]
    plain = bptt.diagnose(model, x, lambda m, x: m(x, forks=False)).layers["cell.0"]
    assert forked.carry_gate == pytest.approx(plain.carry_gate, rel=1e-12)
    assert forked.mean_slope == pytest.approx(plain.mean_slope, rel=1e-12)


class Chunked(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.LSTM(I, H, dtype=D)

    def forward(self, x):
        state, total = None, 0.0
        for part in x.split(3):
            out, state = self.rnn(part, state)
            state = tuple(0.9 * s for s in state)
            total = total + (out**2).sum()
        return total


def test_an_error_that_is_booked_at_the_border_does_not_pass_the_check(monkeypatch):
    """The sum over lags still agrees then; the split does not."""
    monkeypatch.setattr("bptt.torch_models.capture.joins.Start.sources", property(lambda self: []))
    monkeypatch.setattr(
        "bptt.torch_models.capture.observed.shut", lambda gates: contextlib.nullcontext()
    )
    with pytest.raises(AgreementError, match=r"copy of the weights per call.*stands MulBackward0"):
        bptt.diagnose(Chunked(), torch.randn(9, B, I, dtype=D), lambda m, x: m(x))


def test_errors_that_arrive_at_another_lag_do_not_pass_the_check(monkeypatch):
    """The sum and the borders still agree then; the split does not."""
    right = Arriving.__init__

    def late(self, stack, layer, columns, later, *rest):
        right(self, stack, layer, columns, later + 1, *rest)

    monkeypatch.setattr(Arriving, "__init__", late)
    with pytest.raises(AgreementError, match="with a copy of the weights per call"):
        bptt.diagnose(Chunked(), torch.randn(9, B, I, dtype=D), lambda m, x: m(x))


@pytest.mark.parametrize("kind", KINDS)
def test_levels_whose_states_are_kept_in_one_tensor(kind):
    class Kept(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            cell = getattr(nn, f"{kind}Cell")
            self.levels = nn.ModuleList([cell(I, H, dtype=D), cell(H, H, dtype=D)])

        def forward(self, x, together=True):
            h = torch.zeros(2, 2, B, H, dtype=D)  # part of the state, level
            total = 0.0
            for x_t in x:
                new = []
                for n, cell in enumerate(self.levels):
                    state = (h[0][n], h[1][n]) if kind == "LSTM" else h[0][n]
                    state = state_of(cell(x_t if n == 0 else new[-1][0], state))
                    new.append((*state, state[0]) if len(state) == 1 else state)
                parts = [[level[p] for level in new] for p in range(2)]
                h = torch.stack([torch.stack(part) for part in parts]) if together else parts
                total = total + (new[-1][0] ** 2).sum()
            return total

    model, x = Kept(), torch.randn(7, B, I, dtype=D)
    parts, profiles = lags_of(model, x)
    apart = decompose(model, x, lambda model, x: model(x, together=False))
    for name, expected in zip(apart.names, apart.profiles, strict=True):
        assert len(profiles[name].norm) == 7
        assert np.allclose(profiles[name].norm, expected.norm, rtol=1e-10)
    assert len(parts.remarks) == 1
