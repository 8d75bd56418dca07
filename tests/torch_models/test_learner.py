"""A look ahead of a PyTorch model: the same numbers as of the same ``bptt.Network``, on a copy, whatever the model."""

import copy
import random

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.data import tasks
from bptt.errors import NonFiniteError, OptionError
from bptt.layers.at_weights import errors_at_weights
from bptt.prognoses import NetworkLearner, look_ahead, measure, prognosis_of
from bptt.prognoses.learner import GROUPS
from bptt.torch_models import ModuleLearner, to_torch

T, B, H = 12, 8, 6


class Model(nn.Module):
    """A recurrent module and a readout of its last step, or of every step."""

    def __init__(self, rnn, outputs=1, every=False):
        super().__init__()
        self.rnn, self.every = rnn, every
        self.out = nn.Linear(rnn.hidden_size * (1 + rnn.bidirectional), outputs)

    def forward(self, x):
        h = self.rnn(x)[0]
        return self.out(h if self.every else h[-1])


def mse(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def entropy(model, batch):
    return nn.functional.cross_entropy(model(batch[0]).flatten(0, -2), batch[1].flatten())


def in_double(draw):
    return lambda: tuple(t.double() for t in draw())


def drawing(seed=0, batch=B, steps=T):
    """A function that draws batches: the sum of the first inputs, which lies far back."""
    generator = torch.Generator().manual_seed(seed)

    def draw():
        x = torch.randn(steps, batch, 2, generator=generator)
        return x, x[:2, :, 0].sum(0)[:, None]

    return draw


def model(kind=nn.GRU, seed=0, **options):
    torch.manual_seed(seed)
    return Model(kind(2, H, **options))


def as_torch(network, every):
    """The same network; the biases that PyTorch has twice stand still, so that both train alike."""
    own = Model(to_torch(network.stack), len(network.b_O), every).double()
    with torch.no_grad():
        own.out.weight.copy_(
            torch.from_numpy(
                network.W_O.T if network.W_O.shape[0] != len(network.b_O) else network.W_O
            )
        )
        own.out.bias.copy_(torch.from_numpy(network.b_O))
    for name, parameter in own.rnn.named_parameters():
        parameter.requires_grad_(not name.startswith("bias_hh"))
    return own


@pytest.mark.parametrize(
    ("task", "cell", "layers"),
    [
        (tasks.adding(T), "lstm", 1),
        (tasks.adding(T), "rnn", 2),
        (tasks.noise.noise(T, 3, "every"), "rnn", 1),
    ],
)  # fmt: skip
def test_the_same_numbers_as_of_a_network(task, cell, layers):
    network = bptt.Network.init(
        task.inputs, H, task.outputs, cell=cell, layers=layers, loss=task.loss, loss_at=task.loss_at,
        rng=0, dtype=np.float64,
    )  # fmt: skip
    ours = NetworkLearner(network, task, lr=1e-2)
    source = ours._update.source
    given = [batch.arguments(np.float64) for batch in ours.held_out.batches]
    given += [source.arguments(ours.network, n, []) for n in range(6)]
    batches = iter([tuple(torch.as_tensor(a[name]) for name in ("x", "targets")) for a in given])
    loss = mse if task.loss == "mse" else entropy
    theirs = ModuleLearner(
        as_torch(network, task.loss_at == "every"), lambda: next(batches), loss,
        needed_lag=task.needed_lag, lr=1e-2,
    )  # fmt: skip
    losses = ([], [])
    for _ in range(2):
        one, other = (measure(learner, 5, 3) for learner in (ours, theirs))
        for name in ("update", "loss", "blind", "log10_attenuation"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9), name
        assert other.form == pytest.approx(
            one.form, rel=1e-6, abs=1e-12
        )  # of a kernel that is nearly singular
        for name in ("coherence", "error", "rate", "size"):
            for part in ("agreement", "agreement_mid"):
                mine, own = getattr(getattr(one, part), name), getattr(getattr(other, part), name)
                assert own == pytest.approx(mine, rel=1e-7, abs=1e-12), (part, name)
        ours.advance(3, losses[0].append)
        theirs.advance(3, losses[1].append)
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    assert theirs.batch == ours.batch


def everything(module):
    """All that a look ahead could change."""
    return (
        copy.deepcopy(module.state_dict()), [m.training for m in module.modules()],
        [p.grad for p in module.parameters()], [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules()],
        torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate(),  # noqa: NPY002
    )  # fmt: skip


def test_a_seed_gives_the_same_bits_and_the_model_is_left_as_it_is():
    own = model(num_layers=2, dropout=0.3).eval()
    before = everything(own)
    loader = torch.utils.data.DataLoader(
        [(x, y) for x, y in zip(*(t.transpose(0, -2) for t in drawing(batch=200)()), strict=True)],
        batch_size=B, shuffle=True, collate_fn=lambda rows: (torch.stack([r[0] for r in rows], 1), torch.stack([r[1] for r in rows])),
    )  # fmt: skip
    seen = [prognosis_of(ModuleLearner(own, loader, mse, seed=s), 60) for s in (0, 0, 1)]
    assert seen[0].losses == seen[1].losses != seen[2].losses
    assert seen[0].curves == seen[1].curves
    assert np.isfinite(seen[0].curves["form"]).all()
    for was, now in zip(before, everything(own), strict=True):
        if isinstance(was, dict):
            assert all(torch.equal(was[name], now[name]) for name in was)
        elif isinstance(was, torch.Tensor):
            assert torch.equal(was, now)
        else:
            assert was == now


def test_a_training_goes_on_where_it_stood():
    """In pieces with measurements between them it is the loop that anyone would write."""
    own = model(nn.LSTM, num_layers=2, dropout=0.5)
    learner = ModuleLearner(own, drawing(), mse, lr=1e-2, seed=3)
    losses = []
    for updates in (3, 0, 4):
        learner.advance(updates, losses.append)
        measure(learner, 2, 2)
    draw = drawing()
    held = [draw() for _ in range(GROUPS)]
    torch.manual_seed(3)
    other = copy.deepcopy(own).train()
    optimiser, expected = torch.optim.Adam(other.parameters(), 1e-2), []
    for _ in range(7):
        optimiser.zero_grad()
        E = mse(other, draw())
        E.backward()
        nn.utils.clip_grad_norm_(other.parameters(), 1.0)
        optimiser.step()
        expected.append(E.item())
    assert losses == expected
    # held-out loss and the loss without the past, by hand
    seen = measure(learner, 2, 2)
    other.eval()
    means = [other.rnn(x)[0][-1].mean(0).expand(B, H) for x, _ in held[:2]]
    by_hand = [
        nn.functional.mse_loss(other.out(h), y).item()
        for h, (_, y) in zip(means, held, strict=False)
    ]
    assert seen.blind == pytest.approx(np.mean(by_hand), rel=1e-6)
    assert seen.loss == pytest.approx(np.mean([mse(other, b).item() for b in held[:2]]), rel=1e-6)


def test_ones_own_step_trains_the_copy():
    own, made = model(), {}

    def step(module, batch):
        optimiser = made.setdefault(module, torch.optim.SGD(module.parameters(), 0.1))
        optimiser.zero_grad()
        mse(module, batch).backward()
        optimiser.step()

    before = copy.deepcopy(own.state_dict())
    learner = ModuleLearner(own, drawing(), mse, step=step)
    seen = look_ahead(learner, 20)
    assert len(made) == 1
    assert len(seen.losses) == 20
    assert not torch.equal(before["out.bias"], learner.model.out.bias)
    assert all(torch.equal(before[name], value) for name, value in own.state_dict().items())


def test_a_step_that_trains_another_model_is_refused_and_undone():
    own = model()
    optimiser = torch.optim.SGD(own.parameters(), 0.1)

    def step(module, batch):
        optimiser.zero_grad()
        mse(own, batch).backward()
        optimiser.step()

    before = copy.deepcopy(own.state_dict())
    with pytest.raises(
        OptionError, match="step: expected one update of the model that it is called with"
    ):
        look_ahead(ModuleLearner(own, drawing(), mse, step=step), 4)
    assert all(torch.equal(before[name], value) for name, value in own.state_dict().items())


class Halves(nn.Module):
    """The same GRU as encoder of the first half and decoder of the second, or as one; states handed on or passed through more."""

    def __init__(self, between=None, apart=True):
        super().__init__()
        torch.manual_seed(1)
        self.rnn, self.out = nn.GRU(2, H), nn.Linear(H, 1)
        self.later = copy.deepcopy(self.rnn) if apart else self.rnn
        self.between = between or nn.Identity()

    def forward(self, x):
        _, h = self.rnn(x[: T // 2])
        return self.out(self.later(x[T // 2 :], self.between(h))[0][-1])


def test_an_encoder_and_its_decoder_are_measured_as_the_one_network_that_they_are():
    """Two modules with the same weights, and one: the far gradients add up to the one."""
    one, two = (
        ModuleLearner(m.double(), in_double(drawing()), mse, needed_lag=8)
        for m in (Halves(apart=False), Halves())
    )
    for a, b in zip(one.passes(3), two.passes(3), strict=True):
        assert not a.joined
        (joined,) = b.joined
        assert (a.E, a.blind) == pytest.approx((b.E, b.blind))
        ((trace, errors),) = a.stacks
        rows = np.abs(errors[0]).sum((1, 2)) > 0
        assert rows.sum() == 1
        d = errors[0][-1]
        centred = np.zeros_like(errors[0])
        centred[-1] = (d - d.mean(0)) * B / (B - 1)
        (at,) = errors_at_weights(trace, [centred])
        for band, least in zip(joined.bands, (0, 4, 8), strict=True):
            steps = slice(0, T - least)
            dW_R = np.einsum("tbi,tbj->ij", at.dz_R[steps], at.h[steps])
            parts = band.reshape(2, -1)[:, : dW_R.size].sum(0)
            assert parts == pytest.approx(dW_R.ravel(), rel=1e-9, abs=1e-15)
    held = two._batches.held[0]
    layers = bptt.diagnose(two.model, held, mse, needed_lag=8).layers.values()
    weakest = min(layer.log10_attenuation for layer in layers)
    assert measure(two, 3, 2).log10_attenuation == pytest.approx(weakest, abs=1e-9)


@pytest.mark.parametrize("between", [nn.LayerNorm(H), nn.Dropout(0.5), nn.Linear(H, H)])
def test_states_that_pass_through_something_else(between):
    seen = prognosis_of(ModuleLearner(Halves(between), drawing(), mse, needed_lag=8), 40)
    assert "Form is left out" in seen.remarks[0]
    assert seen.measured[-1].form is None
    assert np.isfinite(seen.measured[-1].agreement.coherence)
    assert np.isfinite(seen.measured[-1].log10_attenuation)
    assert 0 < seen.probability < 1


def test_two_levels_that_run_both_ways():
    seen = prognosis_of(
        ModuleLearner(model(num_layers=2, bidirectional=True), drawing(), mse, needed_lag=8), 40
    )
    assert "Agreement and form are left out" in seen.remarks[0]
    assert seen.measured[-1].agreement is None


def test_a_training_that_breaks_off():
    own = model(nn.RNN, nonlinearity="relu")
    seen = look_ahead(ModuleLearner(own, drawing(), mse, lr=1e30, clip=None), 10)
    assert seen.stopped.startswith("The training broke off after")
    assert len(seen.measured) == 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: m.out.bias.data.fill_(torch.nan), "loss: expected a finite number, got nan. .*out.bias"),
        (lambda m: setattr(m, "lock", __import__("threading").Lock()), "since it is a copy that is trained, got model.lock"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_trained(change, match):
    own = model()
    change(own)
    with pytest.raises((NonFiniteError, OptionError), match=match):
        ModuleLearner(own, drawing(), mse)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"lr": 0}, "lr: expected a positive number"),
        ({"clip": -1}, "clip: expected a positive number"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"batch": 0}, "batch: expected a whole number from 1"),
        ({"needed_lag": T}, f"needed_lag: expected a whole number from 0 to {T - 1}"),
        ({"step": 3}, "step: expected a function"),
        ({"data": None}, "data: expected an iterable of batches"),
        ({"data": "text"}, "data: expected an iterable of batches"),
        ({"loss": lambda m, b: torch.zeros(())}, "loss: expected one that depends on the recurrent layer"),
        ({"model": nn.Linear(2, 1), "loss": lambda m, b: m(b[0]).mean()}, "a module with PyTorch's nn.RNN"),
        ({"model": model().requires_grad_(False)}, "model: expected parameters that are trained"),
    ],
)  # fmt: skip
def test_what_is_refused_at_the_door(options, match):
    given = {"model": model(), "data": drawing(), "loss": mse} | options
    with pytest.raises(OptionError, match=match):
        ModuleLearner(given.pop("model"), given.pop("data"), given.pop("loss"), **given)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_trains_where_autograd_is_switched_off(mode):
    def look():
        return look_ahead(ModuleLearner(model(), drawing(), mse), 2).losses

    with mode():
        inside = look()
    assert inside == look()


class Above(nn.Module):
    """Two GRUs on top of one another, as modules, as cells in a loop, or as one module of two levels."""

    def __init__(self, form, between=None, residual=False):
        super().__init__()
        torch.manual_seed(2)
        whole, self.form, self.residual = nn.GRU(2, H, num_layers=2), form, residual
        self.between = between or nn.Dropout(0.3)
        self.out = nn.Linear(H, 1)
        if form == "one":
            self.rnn = whole
            return
        kind = nn.GRUCell if form == "cells" else nn.GRU
        self.low, self.high = kind(2, H), kind(H, H)
        for level, own in enumerate((self.low, self.high)):
            for name, parameter in own.named_parameters():
                parameter.data.copy_(getattr(whole, f"{name.removesuffix('_l0')}_l{level}"))

    def forward(self, x):
        if self.form == "one":
            return self.out(self.rnn(x)[0])[[3, -1]]
        if self.form == "modules":
            below = self.low(x)[0]
            top = self.high(self.between(below))[0]
            return self.out(top + below if self.residual else top)[[3, -1]]
        g, h, top = *torch.zeros(2, x.shape[1], H).to(x), []
        for x_t in x:
            g = self.low(x_t, g)
            h = self.high(self.between(g), h)
            top.append(self.out(h))
        return torch.stack(top)[[3, -1]]


def two_losses(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1].expand(2, -1, -1))


@pytest.fixture(scope="module")
def of_one_module():
    return measure(
        ModuleLearner(Above("one").double(), in_double(drawing()), two_losses, needed_lag=8), 4, 3
    )


@pytest.mark.parametrize("form", ["modules", "cells"])
def test_modules_on_top_of_one_another_are_one_stack(form, of_one_module):
    own = measure(
        ModuleLearner(Above(form).double(), in_double(drawing()), two_losses, needed_lag=8), 4, 3
    )
    assert own.log10_attenuation == pytest.approx(of_one_module.log10_attenuation, abs=1e-9)
    assert own.form == pytest.approx(of_one_module.form, rel=1e-6)
    for name in ("coherence", "error", "size"):
        for part in ("agreement", "agreement_mid"):
            expected = getattr(getattr(of_one_module, part), name)
            assert getattr(getattr(own, part), name) == pytest.approx(expected, rel=1e-9), name


@pytest.mark.parametrize(
    ("options", "parts"),
    [({}, 1), ({"residual": True}, 1), ({"between": nn.Identity()}, 1), ({"between": nn.LayerNorm(H)}, 2), ({"between": nn.Tanh()}, 2)],
)  # fmt: skip
def test_modules_with_something_between_them_are_measured_one_by_one(options, parts):
    learner = ModuleLearner(Above("modules", **options), drawing(), two_losses, needed_lag=8)
    one = next(learner.passes(1))
    assert len(one.stacks) == parts
    reached = [np.flatnonzero(errors[-1].any((1, 2))).tolist() for _, errors in one.stacks]
    assert reached[-1] == [3, T - 1]  # where the loss reads the top
