"""``recurrent=``: which module is the step, what is said of it, and what cannot be one."""

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.diagnosis import StateDiagnosis
from bptt.dynamics import lyapunov_of, memory_of
from bptt.errors import AgreementError, OptionError
from tests.torch_models import step_models as models
from tests.torch_models.copies_per_call import gradients, whole_loss
from tests.torch_models.step_models import B, D, H, I, Looped, T, inputs


def diagnosed(model, x, **options):
    return bptt.diagnose(model, x, whole_loss, progress=False, **options)


def model_of(cell):
    torch.manual_seed(1)
    return Looped(cell())


@pytest.fixture(scope="module")
def x():
    return inputs(T, B, I)


@pytest.mark.parametrize(
    "named", ["cell", "NormLSTM", models.NormLSTM, nn.Module, None, "itself"], ids=str
)
def test_ways_to_name_it(x, named):
    model = model_of(models.NormLSTM)
    if named is nn.Module:  # the outermost of all: the model, which is called once
        with pytest.raises(OptionError, match="the model, which was called never"):
            diagnosed(model, x, recurrent=named)
        return
    report = diagnosed(model, x, recurrent=model.cell if named == "itself" else named)
    layer = report.layers["cell"]
    assert isinstance(layer, StateDiagnosis)
    assert layer.kind == "NormLSTM"
    expected = np.sqrt(np.square(gradients(model, x, model.cell)["R.weight"]).sum((1, 2)))
    np.testing.assert_allclose(layer.profile.parameters["R.weight"].norm, expected, rtol=1e-10)
    assert layer.profile.of == "R.weight"
    said = " ".join(report.diagnosis.assumed)
    assert "A step is a call of cell (NormLSTM, called 9 times)" in said
    assert ("found by itself" in said) == (named is None)
    assert report.diagnosis.read == "9 steps × 3 sequences"


def test_names_that_are_none(x):
    model = model_of(models.NormLSTM)
    with pytest.raises(OptionError, match=r"recurrent: expected one of 'cell' \(NormLSTM\)"):
        diagnosed(model, x, recurrent="cel")
    with pytest.raises(OptionError, match="another GRUCell"):
        diagnosed(model, x, recurrent=nn.GRUCell(2, 3))
    with pytest.raises(OptionError, match="LSTM"):
        diagnosed(model, x, recurrent=nn.LSTM)
    with pytest.raises(OptionError, match="recurrent: expected a module's name"):
        diagnosed(model, x, recurrent=3)
    net = bptt.Network.init(3, 4, 2)
    with pytest.raises(OptionError, match="recurrent"):
        bptt.diagnose(net, (x.numpy(), np.zeros(B, int)), recurrent="cell")


def test_found_by_itself(x):
    """The cell of a decoder, not the linear layers beside it; both of two cells; a linear layer of a loop by hand."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.low, self.high = models.MinGRU(), models.NormLSTM()
            self.between = nn.Linear(H, I, dtype=D)

        def losses(self, x):
            h, state, losses = None, None, []
            for x_t in x:
                h = self.low(x_t, h)
                state = self.high(torch.tanh(self.between(h)), state)
                losses.append(torch.sin(3 * state[0]).sum())
            return losses

    class ByHand(nn.Module):
        def __init__(self):
            super().__init__()
            self.F, self.R = nn.Linear(I, H, dtype=D), nn.Linear(H, H, dtype=D)

        def losses(self, x):
            h, losses = x.new_zeros(B, H), []
            for x_t in x:
                h = torch.tanh(self.F(x_t) + self.R(h))
                losses.append(torch.sin(3 * h).sum())
            return losses

    class Spoken(nn.Module):
        """A decoder whose step is a module of its own, with attention in it."""

        def __init__(self):
            super().__init__()
            self.cell, self.mix = nn.Module(), nn.Linear(2 * H, H, dtype=D)
            self.step = models.NormLSTM()

        def losses(self, x):
            state, losses = None, []
            for x_t in x:
                state = self.step(x_t, state)
                losses.append(torch.sin(self.mix(torch.cat(state, 1))).sum())
            return losses

    torch.manual_seed(1)
    assert [*diagnosed(Two(), x).layers] == ["low", "high"]
    assert [*diagnosed(ByHand(), x).layers] == ["R"]
    assert [*diagnosed(Spoken(), x).layers] == ["step"]


def test_a_loop_by_hand_is_the_recurrence_that_it_is(x):
    """h = tanh(F x + R h): the lags of R are those of an nn.RNNCell with the same weights."""

    class ByHand(nn.Module):
        def __init__(self, cell):
            super().__init__()
            self.cell = cell
            self.R = nn.Linear(H, H, dtype=D)
            with torch.no_grad():
                self.R.weight.copy_(cell.weight_hh)
                self.R.bias.copy_(cell.bias_hh)

        def losses(self, x):
            h, losses = x.new_zeros(B, H), []
            for x_t in x:
                ahead = nn.functional.linear(x_t, self.cell.weight_ih, self.cell.bias_ih)
                h = torch.tanh(ahead + self.R(h))
                losses.append(torch.sin(3 * h).sum())
            return losses

    class Cell(ByHand):
        def losses(self, x):
            h, losses = x.new_zeros(B, H), []
            for x_t in x:
                h = self.cell(x_t, h)
                losses.append(torch.sin(3 * h).sum())
            return losses

    torch.manual_seed(1)
    cell = nn.RNNCell(I, H, dtype=D)
    (own,) = diagnosed(ByHand(cell), x, recurrent="R").layers.values()
    (exact,) = diagnosed(Cell(cell), x).layers.values()
    np.testing.assert_allclose(own.profile.norm, exact.profile.norm, rtol=1e-10)
    np.testing.assert_allclose(own.profile.log10_signal, exact.profile.log10_signal, atol=1e-10)
    np.testing.assert_allclose(own.profile.weight_gain, exact.profile.weight_gain, atol=1e-10)
    np.testing.assert_allclose(own.profile.between_gain, exact.profile.activation_gain, atol=1e-10)


def test_an_exact_layer_a_step_at_a_time():
    class Stepped(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(I, H, dtype=D)

        def losses(self, x):
            state, losses = None, []
            for t in range(len(x)):
                out, state = self.rnn(x[t : t + 1], state)
                losses.append(torch.sin(3 * out).sum() * (1 + t))
            return losses

    torch.manual_seed(1)
    model, x = Stepped(), inputs(T, B, I)
    own = diagnosed(model, x, recurrent="rnn").layers["rnn"].profile.parameters["weight_hh_l0"]
    (exact,) = diagnosed(model, x).layers.values()
    np.testing.assert_allclose(own.norm, exact.profile.norm, rtol=1e-10)
    np.testing.assert_allclose(own.share, exact.profile.share, rtol=1e-10, atol=1e-12)


def test_exponents_are_those_of_the_steps_jacobians():
    model, x = model_of(models.MinGRU), inputs(60, 2, I)
    (layer,) = diagnosed(model, x).layers.values()
    h, states = None, []
    for x_t in x:
        states.append(h)
        h = model.cell(x_t, h)
    logs = []
    for b in range(2):

        def step(h, t, b=b):
            return model.cell(x[t, b : b + 1], h[None])[0]

        jacobians = [
            torch.autograd.functional.jacobian(lambda h, t=t, s=step: s(h, t), states[t][b]).numpy()
            for t in range(58, 0, -1)
        ]
        logs.append(lyapunov_of(jacobians, skip=5).exponents)
    ours, theirs = layer.exponents.exponents, np.mean(logs, 0)
    assert ours.sum() == pytest.approx(
        theirs.sum(), abs=1e-10
    )  # ln |det|, whatever the first directions
    np.testing.assert_allclose(ours, theirs, atol=0.02)


class Scaled(nn.Module):
    """h times the input of the step."""

    def __init__(self):
        super().__init__()
        self.step = Scaling()

    def forward(self, x):
        h = torch.ones(x.shape[1], 2, dtype=x.dtype)
        for x_t in x:
            h = self.step(x_t, h)
        return h


class Scaling(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2, dtype=torch.float64))

    def forward(self, x, h):
        return h * x * self.w


@pytest.mark.parametrize(("left", "less"), [(1e-140, 1e-200), (1e-200, 1e-250)])
def test_a_small_entry_of_a_direction_that_is_all_that_is_left_later(left, less):
    """On the way back a little of the first unit is left beside 1 of the second, and then less of the second."""
    x = torch.ones(24, 1, 2, dtype=torch.float64)
    x[9, 0, 1], x[10, 0, 0] = less, left
    report = bptt.diagnose(Scaled(), x, lambda model, x: model(x).sum(), recurrent="step", progress=False)  # fmt: skip
    first = report.diagnosis.decisive.exponents.exponents[0]
    assert first == pytest.approx(np.log(left) / 20, abs=0.3)  # over 20 steps, and where it began


def test_the_memory_function_is_that_of_the_states():
    torch.manual_seed(2)
    model, x = Looped(models.MinGRU()), inputs(40, 6, I)
    report = diagnosed(model, x)
    h, states = None, []
    with torch.no_grad():
        for x_t in x:
            h = model.cell(x_t, h)
            states.append(h.numpy())
    expected = memory_of(x.numpy(), np.stack(states)).r2
    np.testing.assert_allclose(report.diagnosis.memory.r2, expected, rtol=1e-9, atol=1e-12)


def test_everything_is_left_as_it_was():
    class Busy(nn.Module):
        """Counts its calls, keeps its last state, and draws."""

        def __init__(self):
            super().__init__()
            self.cell, self.norm = nn.GRUCell(I, H, dtype=D), nn.BatchNorm1d(H, dtype=D)
            self.last, self.calls, self.seen = None, 0, []
            self.register_buffer("mean", torch.zeros(H, dtype=D))

        def forward(self, x, h):
            self.calls += 1
            h = nn.functional.dropout(self.norm(self.cell(x, h)), 0.2)
            self.mean.mul_(0.9).add_(0.1 * h.detach().mean(0))
            self.last = h
            self.seen.append(h)
            return h

    model = model_of(Busy)
    model.first = lambda x: x.new_zeros(B, H)
    x = inputs(T, B, I).requires_grad_()
    whole_loss(model, x).backward()
    before = copy.deepcopy({n: v.detach() for n, v in model.state_dict().items()})
    grads = {n: p.grad.clone() for n, p in model.named_parameters()}
    last, calls, seen = model.cell.last, model.cell.calls, list(model.cell.seen)
    own, random = vars(model.cell).keys(), torch.get_rng_state()
    report = diagnosed(model, x, recurrent="cell")
    assert "autograd's gradient of every parameter" in report.diagnosis.checked[0]
    assert all(torch.equal(before[n], v) for n, v in model.state_dict().items())
    assert all(torch.equal(grads[n], p.grad) for n, p in model.named_parameters())
    assert model.cell.last is last
    assert (model.cell.calls, len(model.cell.seen)) == (calls, len(seen))
    assert vars(model.cell).keys() == own
    assert torch.equal(random, torch.get_rng_state())


def test_frozen_parameters(x):
    """Of a step that is frozen as a whole everything is measured; of one in part what is trained."""
    model = model_of(models.NormLSTM)
    free = diagnosed(model, x, recurrent="cell").layers["cell"].profile
    model.cell.requires_grad_(False)
    frozen = diagnosed(model, x, recurrent="cell").layers["cell"].profile
    np.testing.assert_array_equal(free.log10_norm, frozen.log10_norm)
    assert not any(p.requires_grad for p in model.cell.parameters())
    model.cell.R.weight.requires_grad_(True)
    part = diagnosed(model, x, recurrent="cell").layers["cell"].profile
    assert [*part.parameters] == ["R.weight"]


def test_a_weight_that_is_used_elsewhere_too(x):
    """What does not go by the step's calls is left out of the lags, and the sum with it is autograd's."""

    class Tied(Looped):
        def losses(self, x):
            losses = super().losses(x)
            return [E + self.cell.R.weight.square().sum() for E in losses]

    torch.manual_seed(1)
    model = Tied(models.NormLSTM())
    report = diagnosed(model, x, recurrent="cell")
    G = gradients(Looped.losses and _untied(model), x, model.cell)["R.weight"]
    ours = report.layers["cell"].profile.parameters["R.weight"]
    np.testing.assert_allclose(ours.norm, np.sqrt(np.square(G).sum((1, 2))), rtol=1e-10)
    assert "a pass over the calls gives autograd's gradient" in report.diagnosis.checked[0]


def _untied(model):
    plain = Looped(model.cell)
    plain.read = model.read
    return plain


def test_compiled_models(x):
    model = model_of(models.NormLSTM)
    plain = diagnosed(model, x, recurrent="cell").layers["cell"].profile
    compiled = torch.compile(model, backend="eager")
    (layer,) = bptt.diagnose(
        compiled, x, _compiled_loss, recurrent="cell", progress=False
    ).layers.values()
    np.testing.assert_allclose(layer.profile.log10_norm, plain.log10_norm, rtol=1e-12)
    model.cell = torch.compile(model.cell, backend="eager")
    (layer,) = diagnosed(model, x, recurrent="cell").layers.values()
    np.testing.assert_allclose(layer.profile.log10_norm, plain.log10_norm, rtol=1e-12)


def _compiled_loss(model, x):
    return whole_loss(model._orig_mod if hasattr(model, "_orig_mod") else model, x)


def test_a_second_name_and_one_with_wrappers(x):
    model = model_of(models.NormLSTM)
    model.twin = model.cell
    assert [*diagnosed(model, x, recurrent="twin").layers] == ["twin"]
    wrapped = nn.DataParallel(model)
    for name in ("module.cell", "cell"):
        report = bptt.diagnose(wrapped, x, _parallel_loss, recurrent=name, progress=False)
        assert [*report.layers] == ["cell"]


def _parallel_loss(model, x):
    return whole_loss(model.module, x)


def test_by_sequence_a_different_number_of_calls():
    """One sequence after the other, each with steps of its own: lag is counted within each."""

    class OneByOne(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = models.MinGRU()

        def losses(self, x, only=None):
            losses = []
            for b, length in enumerate((9, 4, 6)):
                h = None
                for t in range(length):
                    h = self.cell(x[t, b : b + 1], h)
                if only in (None, b):
                    losses.append(torch.sin(3 * h).sum())
            return losses

    torch.manual_seed(1)
    model, x = OneByOne(), inputs(T, B, I)
    (layer,) = diagnosed(model, x).layers.values()
    expected = np.zeros((9, H, I))
    for b, length in enumerate((9, 4, 6)):
        for k, G in enumerate(_single(model.cell, x[:length, b : b + 1])):
            expected[k] += G
    norms = np.sqrt(np.square(expected).sum((1, 2)))
    np.testing.assert_allclose(layer.profile.parameters["h.weight"].norm, norms, rtol=1e-10)


def _single(cell, x):
    copies, h = [copy.deepcopy(cell) for _ in x], None
    for own, x_t in zip(copies, x, strict=True):
        h = own(x_t, h)
    grads = torch.autograd.grad(torch.sin(3 * h).sum(), [own.h.weight for own in copies])
    return [grad.numpy() for grad in grads][::-1]


def test_what_is_no_step(x):
    class Detached(Looped):
        def between(self, t, state):
            return None if state is None else state.detach()

    class Once(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.Linear(I, H, dtype=D)

        def losses(self, x):
            return [self.cell(x).square().sum()]

    class Hidden:
        def __init__(self, h):
            self.h = h

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = models.MinGRU()

        def forward(self, x, state=None):
            return Hidden(self.cell(x, None if state is None else state.h))

    class Boxed(Looped):
        def losses(self, x):
            state, losses = None, []
            for x_t in x:
                state = self.cell(x_t, state)
                losses.append(torch.sin(state.h).sum())
            return losses

    torch.manual_seed(1)
    with pytest.raises(
        OptionError, match="9 calls, and nothing that one puts out comes into another"
    ):
        diagnosed(Detached(models.MinGRU()), x, recurrent="cell")
    with pytest.raises(OptionError, match="cell, which was called once"):
        diagnosed(Once(), x, recurrent="cell")
    with pytest.raises(OptionError, match="which puts out a Hidden"):
        diagnosed(Boxed(Wrapped()), x, recurrent="cell")
    with pytest.raises(OptionError, match="a step with parameters"):
        diagnosed(model_of(lambda: _Plain()), x, recurrent="cell")
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        scripted = torch.jit.trace(nn.Linear(I, H, dtype=D), torch.zeros(1, I, dtype=D))
    with pytest.raises(OptionError, match="a scripted one"):
        diagnosed(Looped(scripted), x, recurrent="cell")
    with pytest.raises(OptionError, match="needed_lag"):
        diagnosed(model_of(models.MinGRU), x, needed_lag=9)


class _Plain(nn.Module):
    def forward(self, x, h=None):
        return torch.cat([x, x], 1) if h is None else h + 1


def test_a_loss_that_changes_from_call_to_call(x):
    model = model_of(models.MinGRU)
    numbers = iter([1.0, 2.0, 3.0])

    def loss(model, x):
        return next(numbers) * whole_loss(model, x)

    with pytest.raises(AgreementError, match="must give the same number when it is called again"):
        bptt.diagnose(model, x, loss, recurrent="cell", progress=False)


def test_what_is_for_pytorchs_layers_alone(x):
    report = diagnosed(model_of(models.MinGRU), x)
    with pytest.raises(OptionError, match="chrono: expected recurrent layers, with W_R"):
        report.apply("chrono")
    with pytest.raises(OptionError, match="data: expected at least 24 sequences"):
        report.prognosis()


def test_an_operation_that_takes_one_error_at_a_time():
    """A function whose backward pass looks at its numbers has no batching rule."""

    class Looking(torch.autograd.Function):
        @staticmethod
        def forward(ctx, h):
            ctx.save_for_backward(h)
            return torch.tanh(h)

        @staticmethod
        def backward(ctx, error):
            (h,) = ctx.saved_tensors
            if float(error.abs().sum()) == 0:  # as some losses do
                return torch.zeros_like(error)
            return error * (1 - torch.tanh(h) ** 2)

    class Cell(models.MinGRU):
        def forward(self, x, h=None):
            return nn.functional.dropout(Looking.apply(super().forward(x, h)), 0.1)

    model, x = model_of(Cell), inputs(T, B, I)
    torch.manual_seed(3)
    expected = np.sqrt(np.square(gradients(model, x, model.cell)["h.weight"]).sum((1, 2)))
    torch.manual_seed(3)
    report = diagnosed(model, x)
    np.testing.assert_allclose(
        report.layers["cell"].profile.parameters["h.weight"].norm, expected, rtol=1e-10
    )
    assert "one after the other" in " ".join(report.diagnosis.assumed)


def test_on_a_gpu(x):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    model = model_of(models.NormLSTM)
    here = diagnosed(model, x, recurrent="cell").layers["cell"].profile
    there = diagnosed(model.cuda(), x.cuda(), recurrent="cell").layers["cell"].profile
    np.testing.assert_allclose(there.log10_norm, here.log10_norm, rtol=1e-9)
