"""Every kind of linear recurrence: by lag against a copy of its factors per step, and how it is registered."""

import copy
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import AgreementError, OptionError, ResidualError, ShapeError
from bptt.gradients.by_lag import StateTally
from bptt.torch_models import Decay, Delta, Outer, Scan, Selective, register, scan_lags
from bptt.torch_models.scans.kinds import LinearRecurrence
from bptt.torch_models.scans.registry import adapter_of
from tests.torch_models.scan_oracle import states_at_lag

T, B, I, H = 11, 3, 4, 5


class Recurrent(nn.Module):
    """A kind by itself: its factors are linear in the input, its states are what it returns."""

    shapes: ClassVar[dict] = {}

    def __init__(self, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(0)
        self.maps = nn.ParameterDict(
            {name: torch.randn(size, I, dtype=dtype) / I for name, size in self.shapes.items()}
        )

    def factors(self, x):
        return {name: x.to(W.dtype) @ W.T for name, W in self.maps.items()}

    def forward(self, x):
        state, every = 0.0, []
        factors = self.of(self.factors(x))
        for t in range(x.shape[1]):
            state = self.step(state, [f[:, t] for f in factors])
            every.append(state)
        return torch.stack(every, 1)


class Diagonal(Recurrent):
    shapes: ClassVar[dict] = {"a": H, "b": H}

    def of(self, f):
        return [torch.sigmoid(f["a"]), f["b"]]

    def step(self, h, factors):
        a, b = factors
        return a * h + b

    def scan(self, x):
        return Decay(*self.of(self.factors(x)))


class ComplexDiagonal(Diagonal):
    def __init__(self):
        super().__init__(torch.complex128)

    def of(self, f):
        return [0.9 * torch.exp(1j * f["a"].real), f["b"]]


class Matrix(Recurrent):
    shapes: ClassVar[dict] = {"a": 2, "k": 2 * 3, "v": 2 * H}

    def of(self, f):
        k, v = (f[name].unflatten(-1, (2, -1)) for name in ("k", "v"))
        return [torch.sigmoid(f["a"]), k, v]

    def step(self, S, factors):
        a, k, v = factors
        return a[..., None, None] * S + torch.einsum("bhm,bhn->bhmn", k, v)

    def scan(self, x):
        return Outer(*self.of(self.factors(x)))


class DeltaRule(Matrix):
    shapes: ClassVar[dict] = {"a": 2, "beta": 2, "k": 2 * 3, "v": 2 * H}
    first = False

    def of(self, f):
        a, k, v = super().of(f)
        return [a, torch.sigmoid(f["beta"]), k, v]

    def step(self, S, factors):
        a, beta, k, v = factors
        if isinstance(S, float):
            S = k.new_zeros(*v.shape, k.shape[-1])
        eye = torch.eye(3, dtype=k.dtype, device=k.device)
        kk = beta[..., None, None] * torch.einsum("bhm,bhn->bhmn", k, k)
        a = a[..., None, None]
        through = a * S @ (eye - kk) if self.first else S @ (a * eye - kk)
        return through + torch.einsum("bh,bhn,bhm->bhnm", beta, v, k)

    def scan(self, x):
        return Delta(*self.of(self.factors(x)), decays_first=self.first)


class GatedDeltaRule(DeltaRule):
    first = True


class StateSpace(Recurrent):
    shapes: ClassVar[dict] = {"delta": H, "B": 3, "x": H}

    def __init__(self):
        super().__init__()
        self.A = nn.Parameter(-torch.rand(H, 3, dtype=torch.float64))

    def of(self, f):
        every = self.A.expand(B, T, H, 3)
        return [nn.functional.softplus(f["delta"]), every, f["B"], f["x"]]

    def step(self, h, factors):
        delta, A, B_t, x = factors
        h = torch.exp(delta[..., None] * A) * (h.transpose(1, 2) if torch.is_tensor(h) else h)
        return (h + torch.einsum("bd,bn,bd->bdn", delta, B_t, x)).transpose(1, 2)

    def scan(self, x):
        delta, _, B_t, x = self.of(self.factors(x))
        return Selective(delta, self.A, B_t, x)


KINDS = [Diagonal, ComplexDiagonal, Matrix, DeltaRule, GatedDeltaRule, StateSpace]
for kind in KINDS:
    register(kind, lambda module, x: Scan(module.scan(x), lambda states: states))


def batch():
    return torch.randn(B, T, I, generator=torch.Generator().manual_seed(1)).double()


def loss(model, x):
    return model(x)[:, [4, -1]].abs().pow(3).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_every_lag_is_that_of_a_copy_per_step(kind):
    model, x = kind(), batch()
    measured = scan_lags(model, x, loss)[0][kind.__name__]
    output = model(x)
    error = torch.autograd.grad(output[:, [4, -1]].abs().pow(3).sum(), output)[0]
    named = dict(model.named_parameters())
    parts = {name: [] for name in named}
    for k in range(T):
        states = states_at_lag(model.step, model.of(model.factors(x)), k)
        for name, G in zip(
            named, torch.autograd.grad(states, list(named.values()), error), strict=True
        ):
            parts[name].append(torch.view_as_real(G) if G.is_complex() else G)
    assert set(measured.profile.parameters) == set(named)
    for name, ours in measured.profile.parameters.items():
        G = torch.stack(parts[name]).flatten(1)
        np.testing.assert_allclose(ours.norm, G.norm(dim=1).numpy(), rtol=1e-12, atol=1e-14)
        whole = G.sum(0)
        np.testing.assert_allclose(ours.share, (G @ whole / (whole @ whole)).numpy(), atol=1e-12)
    # The signal: the error at the states, step by step through the Jacobian.
    signal = [error[:, [4, -1]].abs().square().sum() / (2 * B)]
    leaf = torch.zeros_like(output[:, :1]).requires_grad_()
    factors = [f.detach() for f in model.of(model.factors(x))]
    errors = {t: error[:, t] for t in (4, T - 1)}
    for k in range(1, T):
        for t, e in errors.items():
            if t >= k:
                after = model.step(leaf[:, 0], [f[:, t - k + 1] for f in factors])
                errors[t] = torch.autograd.grad(after, leaf, e)[0][:, 0]
        live = [errors[t].abs().square().sum() for t in errors if t >= k]
        signal.append(sum(live) / (B * len(live)))
    np.testing.assert_allclose(10**measured.profile.log10_signal, np.sqrt(signal), rtol=1e-12)


@pytest.mark.parametrize("kind", [Diagonal, ComplexDiagonal, StateSpace])
def test_a_step_back_by_hand_is_autograds(kind):
    recurrence = kind().scan(batch())
    states = recurrence.states()
    errors = torch.randn(
        states.shape, dtype=states.dtype, generator=torch.Generator().manual_seed(2)
    )[:, : T - 2]
    weight = torch.rand(B, T - 2, generator=torch.Generator().manual_seed(3)).double()
    by_hand, by_autograd = errors.clone(), errors.clone()
    fast = recurrence.back(by_hand, weight, recurrence.prepared(states))
    slow = LinearRecurrence.back(
        recurrence, by_autograd, weight, LinearRecurrence.prepared(recurrence, states)
    )
    torch.testing.assert_close(by_hand, by_autograd, rtol=1e-12, atol=1e-13)
    assert set(fast) == set(slow)
    for name, grad in slow.items():
        torch.testing.assert_close(fast[name], grad, rtol=1e-12, atol=1e-13)


class Constant(nn.Module):
    """h_t = a h_{t-1} + b x_t with one a."""

    def __init__(self, a, dtype):
        super().__init__()
        self.a, self.b = (
            nn.Parameter(torch.tensor(a, dtype=dtype)),
            nn.Parameter(torch.ones(2, dtype=dtype)),
        )

    def scan(self, x):
        b = x * self.b
        return Decay(self.a.expand_as(b), b)

    def forward(self, x):
        return self.scan(x).step_by_step()


class StepByStep(Decay):
    def step_by_step(self):
        h, every = 0.0, []
        for t in range(self.steps):
            h = self.timed["a"][:, t] * h + self.timed["b"][:, t]
            every.append(h)
        return torch.stack(every, 1)


@register(Constant)
def constant(module, x):
    return Scan(module.scan(x), lambda states: states)


Constant.scan = lambda self, x: StepByStep(self.a.expand_as(x), x * self.b)


@pytest.mark.parametrize(
    ("a", "dtype"), [(1e-3, torch.float64), (1e-2, torch.float32), (4.0, torch.float64)]
)
def test_a_signal_far_beyond_its_type_is_a_number(a, dtype):
    steps = 400
    x = torch.ones(1, steps, 2, dtype=dtype)
    model = Constant(a, dtype)
    with torch.no_grad():
        if a > 1:  # the state itself must fit
            x[:, 1:] = 0
    measured, _ = scan_lags(model, x, lambda m, b: m(b)[:, -1].sum())
    profile = measured["Constant"].profile
    expected = np.log10(np.sqrt(2.0)) + np.log10(float(model.a.detach())) * np.arange(steps)
    np.testing.assert_allclose(
        profile.log10_signal, expected, rtol=1e-6 if dtype == torch.float32 else 1e-12
    )
    np.testing.assert_allclose(profile.log10_signal_by_step[-1], expected, rtol=1e-6)
    if a < 1:  # b's gradient at lag k is the sum of its two signals
        np.testing.assert_allclose(
            profile.parameters["b"].log10_norm, expected, rtol=1e-6, atol=1e-9
        )
        assert profile.log10_signal[-1] < -700 or dtype == torch.float32


def test_two_loss_steps_far_apart_in_size_are_both_known():
    """The error of one loss step passes a step that lets 1e-200 through, the other does not."""

    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.b = nn.Parameter(torch.ones(1).double())

        def forward(self, x):
            return StepByStep(x, x * 0 + self.b).step_by_step()

    register(Gated, lambda m, x: Scan(Decay(x, x * 0 + m.b), lambda states: states))
    x = torch.full((1, 20, 1), 0.5).double()
    x[:, 10] = 1e-200
    x[:, 11] = 1e-200
    profile = scan_lags(Gated(), x, lambda m, b: m(b)[:, [8, 15]].sum())[0]["Gated"].profile
    assert profile.log10_signal_by_step[15, 8] == pytest.approx(-400 + 6 * np.log10(0.5))
    assert profile.log10_signal_by_step[8, 8] == pytest.approx(8 * np.log10(0.5))


class Read(Diagonal):
    """With a map behind its states."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(H, 2).double()

    def forward(self, x):
        return self.out(super().forward(x))


def read(module, x):
    return Scan(module.scan(x), module.out)


@pytest.fixture
def registered():
    register(Read, read)
    yield Read
    register(Read, read)


def test_a_module_is_known_by_its_class_and_its_name(registered):
    class Same(Read):
        pass

    class Other(Read):
        def forward(self, x):
            return 2 * super().forward(x)

    assert adapter_of(Same()) is read
    assert adapter_of(Other()) is None

    @register(Other)
    def other(module, x):
        return Scan(module.scan(x), lambda states: 2 * module.out(states))

    assert adapter_of(Other()) is other
    assert scan_lags(Other(), batch(), loss)[0]["Other"].profile.residual < 1e-12


def test_a_wrong_adapter_is_refused(registered):
    x = batch()
    register(Read, lambda module, x: Scan(module.scan(x), lambda states: 1.01 * module.out(states)))
    with pytest.raises(AgreementError, match=r"adapter of Read.*what the module returned"):
        scan_lags(Read(), x, loss)
    register(Read, lambda module, x: Scan(module.scan(x), lambda states: states))
    with pytest.raises(AgreementError, match=r"shape \(3, 11, 2\)"):
        scan_lags(Read(), x, loss)
    register(
        Read,
        lambda module, x: Scan(
            Decay(*(f.detach() for f in module.of(module.factors(x)))), module.out
        ),
    )
    with pytest.raises((ResidualError, AgreementError)):
        scan_lags(Read(), x, loss)
    register(Read, lambda module, x: Scan(
        Decay(torch.sigmoid(module.factors(x)["a"]).detach(), module.factors(x)["b"]), module.out
    ))  # fmt: skip
    with pytest.raises(ResidualError, match=r"maps\.a"):
        scan_lags(Read(), x, loss)
    register(Read, lambda module, x: module.scan(x))
    with pytest.raises(OptionError, match=r"Scan, got Decay"):
        scan_lags(Read(), x, loss)


def test_what_cannot_be_registered_or_measured_is_refused():
    with pytest.raises(OptionError, match="class of modules"):
        register(3, lambda m, x: None)
    with pytest.raises(OptionError, match="adapter"):
        register(Read, 3)
    with pytest.raises(OptionError, match="whose recurrence is known"):
        scan_lags(nn.Linear(2, 2), torch.zeros(1, 2), lambda m, b: m(b).sum())
    with pytest.raises(OptionError, match="not zero"):
        scan_lags(Diagonal(), batch(), lambda m, b: 0 * m(b).sum())
    with pytest.raises(OptionError, match="one number"):
        scan_lags(Diagonal(), batch(), lambda m, b: m(b))
    with pytest.raises(OptionError, match="one that does not"):
        scan_lags(Diagonal(), batch(), lambda m, b: m.maps["a"].sum())
    with pytest.raises(ShapeError, match="broadcast"):
        Decay(torch.ones(2, 3, 4), torch.ones(2, 3, 5))


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(Diagonal(), nn.Linear(H, 2).double())
    model[0].maps["a"].grad = torch.ones_like(model[0].maps["a"])
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    lags, _ = scan_lags(model, batch(), loss)
    assert list(lags) == ["0"]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(model[0].maps["a"].grad, torch.ones_like(model[0].maps["a"]))
    assert model[0].maps["b"].grad is None
    assert torch.equal(state, torch.get_rng_state())
    assert not model[0]._forward_hooks
    assert not model[0]._forward_pre_hooks


def test_a_module_that_is_called_twice_is_two_recurrences():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Diagonal()
            self.back = nn.Linear(H, I).double()

        def forward(self, x):
            return self.layer(self.back(self.layer(x)).flip(1))

    lags, _ = scan_lags(Twice(), batch(), loss)
    assert list(lags) == ["layer", "layer (call 2)"]
    assert all(measured.profile.residual < 1e-12 for measured in lags.values())


def test_fewer_lags_leave_a_rest():
    model, x = Diagonal(), batch()
    every, some = (scan_lags(model, x, loss, K)[0]["Diagonal"].profile for K in (None, 3))
    np.testing.assert_allclose(some.norm, every.norm[:4], rtol=1e-12)
    assert some.rest > 0
    assert every.rest == 0


def test_a_module_without_parameters_is_measured_by_its_factors():
    class Bare(nn.Module):
        def forward(self, x):
            a, b = torch.sigmoid(x).chunk(2, -1)
            return StepByStep(a, b).step_by_step()

    register(Bare, lambda m, x: Scan(Decay(*torch.sigmoid(x).chunk(2, -1)), lambda states: states))
    model = nn.Sequential(nn.Linear(I, 6).double(), Bare())
    profile = scan_lags(model, batch(), loss)[0]["1"].profile
    assert set(profile.parameters) == {"a", "b"}
    assert profile.residual < 1e-12


# The second device is tried where there is one.
@pytest.mark.parametrize("device", ["cpu", *["cuda"] * torch.cuda.is_available()])
def test_tensors_stay_on_their_device(device):
    for kind in KINDS[:-1]:
        there = scan_lags(kind().to(device), batch().to(device), loss)[0][kind.__name__].profile
        here = scan_lags(kind(), batch(), loss)[0][kind.__name__].profile
        np.testing.assert_allclose(there.norm, here.norm, rtol=1e-10)


def test_what_truncation_keeps_is_what_the_tally_of_steps_says():
    """The same G_k by way of the gradient by lag of a step of one's own, whose bill is another one."""
    model, x = Diagonal(), batch()
    ours = scan_lags(model, x, loss)[0]["Diagonal"].profile
    output = model(x)
    error = torch.autograd.grad(output[:, [4, -1]].abs().pow(3).sum(), output)[0]
    named = dict(model.named_parameters())

    def parts(k):
        states = states_at_lag(model.step, model.of(model.factors(x)), k)
        grads = torch.autograd.grad(states, list(named.values()), error)
        return {name: G.numpy() for name, G in zip(named, grads, strict=True)}

    every = [parts(k) for k in range(T)]
    tally = StateTally({name: sum(G[name] for G in every) for name in named})
    for k, G in enumerate(every):
        tally.add(k, G)
    theirs = tally.profile(log10_signal=ours.log10_signal, gain=ours.gain)
    for K in (1, 3, 7):
        for chunked in (False, True):
            one, other = ours.truncation(K, chunked), theirs.truncation(K, chunked)
            assert one.relative_bias == pytest.approx(other.relative_bias, rel=1e-9)
            assert one.cosine == pytest.approx(other.cosine, rel=1e-9)


def test_a_scan_is_the_same_as_its_steps(registered):
    """minGRU, computed by a scan and called step by step: where two ways apply they say the same."""

    class Gates(nn.Module):
        def __init__(self):
            super().__init__()
            self.z, self.new = nn.Linear(3, 4), nn.Linear(3, 4)

        def made(self, x):
            z = torch.sigmoid(self.z(x))
            return 1 - z, z * torch.tanh(self.new(x))

    class Whole(Gates):
        def forward(self, x):
            h, states = 0.0, []
            for a, b in zip(*(part.unbind(1) for part in self.made(x)), strict=True):
                h = a * h + b
                states.append(h)
            return torch.stack(states, 1)

    class Step(Gates):
        def forward(self, x, h):
            a, b = self.made(x)
            return a * h + b

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = Step()

        def forward(self, x):
            h, states = x.new_zeros(len(x), 4), []
            for x_t in x.unbind(1):
                h = self.cell(x_t, h)
                states.append(h)
            return torch.stack(states, 1)

    register(Whole, lambda module, x: Scan(Decay(*module.made(x)), read=lambda states: states))
    torch.manual_seed(0)
    scan, loop = nn.Sequential(Whole()).double(), Loop().double()
    loop.cell.load_state_dict(scan[0].state_dict())
    x = torch.randn(2, 30, 3, dtype=torch.float64)

    def loss(model, x):
        return model(x)[:, [11, 29]].pow(3).sum()

    (one,) = bptt.diagnose(scan, x, loss, progress=False).diagnosis.layers.values()
    (other,) = bptt.diagnose(
        loop, x, loss, recurrent="cell", progress=False
    ).diagnosis.layers.values()
    for name in ("z.weight", "z.bias", "new.weight", "new.bias"):
        ours, theirs = one.profile.parameters[name], other.profile.parameters[name]
        np.testing.assert_allclose(ours.log10_norm, theirs.log10_norm, rtol=0, atol=1e-10)
        np.testing.assert_allclose(ours.share, theirs.share, rtol=0, atol=1e-10)
    for of in ("log10_signal", "gain", "log10_signal_by_step"):
        mine, its = getattr(one.profile, of), getattr(other.profile, of)
        np.testing.assert_allclose(mine, its, rtol=0, atol=1e-10 if of != "log10_signal_by_step" else 1e-5, err_msg=of)  # fmt: skip
    # Their sum is the mean of ln |det|, whatever directions were followed. Steps are followed back from the last but one,
    # and the first tenth of them, two, lets the directions settle.
    a, _ = scan[0].made(x)
    ln = a.detach().log().sum(2).mean(0).numpy()  # (T,)
    for each, steps in ((one, ln[1:]), (other, ln[1:-3])):
        assert np.sum(each.exponents.exponents) == pytest.approx(steps.mean(), rel=1e-9)
    for K in (1, 5, 20):
        assert one.profile.truncation(K).relative_bias == pytest.approx(
            other.profile.truncation(K).relative_bias, rel=1e-9
        )
