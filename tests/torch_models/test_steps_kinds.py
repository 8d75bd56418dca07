"""Steps within whatever PyTorch wraps around them: normalised weights, checkpoints, autocast, complex numbers, several streams."""

import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import bptt
from tests.torch_models import step_models as models
from tests.torch_models.copies_per_call import gradients, whole_loss
from tests.torch_models.step_models import B, D, H, I, Looped, T, inputs


class Loop(nn.Module):
    """A GRU cell; ``run`` gives the states that the loss reads."""

    def __init__(self, run, cell=None):
        super().__init__()
        self.cell, self.run = cell or nn.GRUCell(I, H, dtype=D), run

    def losses(self, x):
        return [torch.sin(3 * h).sum() * (1 + t) for t, h in enumerate(self.run(self.cell, x))]


def zero(x):
    return x.new_zeros(x.shape[1], H)


def checkpointed(cell, x):
    h = zero(x)
    for x_t in x:
        yield (h := checkpoint(cell, x_t, h, use_reentrant=False))


def two_streams(cell, x):
    a = b = zero(x)
    for x_t in x:
        a, b = cell(x_t, a), cell(-x_t, b)
        yield a * b


def residual(cell, x):
    h = zero(x)
    for x_t in x:
        yield (h := h + 0.1 * cell(x_t, h))


def three_calls_a_step(cell, x):
    h = zero(x)
    for x_t in x:
        first = cell(x_t, h)
        second = cell(x_t, h + 0.5 * first)
        yield (h := h + 0.1 * (first + second + cell(x_t, h + 0.5 * second)))


def row_by_row(cell, x):
    h = zero(x)
    for x_t in x:
        rows = zip(x_t.split(1), h.split(1), strict=True)
        yield (h := torch.cat([cell(*row) for row in rows]))


def preallocated(cell, x):
    states = x.new_zeros(len(x) + 1, x.shape[1], H)
    for t, x_t in enumerate(x):
        states[t + 1] = cell(x_t, states[t].clone())
    yield states


RUNS = [checkpointed, two_streams, residual, three_calls_a_step, row_by_row, preallocated]


def diagnosed(model, x, loss=whole_loss):
    torch.manual_seed(3)
    report = bptt.diagnose(model, x, loss, recurrent="cell", progress=False)
    assert "autograd's gradient of every parameter" in report.diagnosis.checked[0]
    return report


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_the_lags_add_up_whatever_calls_the_step(run):
    torch.manual_seed(1)
    report = diagnosed(Loop(run), inputs(T, B, I))
    profile = report.layers["cell"].profile
    assert all(own.residual < 1e-12 for own in profile.parameters.values())
    steps = 3 * T if run is three_calls_a_step else T
    assert len(profile.norm) == steps
    around = "goes around the step" in " ".join(report.diagnosis.assumed)
    assert around == (run in (residual, three_calls_a_step))


@pytest.mark.parametrize("run", [checkpointed, row_by_row], ids=lambda run: run.__name__)
def test_they_are_those_of_the_plain_loop(run):
    def plain(cell, x):
        h = zero(x)
        for x_t in x:
            yield (h := cell(x_t, h))

    torch.manual_seed(1)
    model, x = Loop(run), inputs(T, B, I)
    own, same = (
        diagnosed(Loop(each, model.cell), x).layers["cell"].profile for each in (run, plain)
    )
    np.testing.assert_allclose(own.norm, same.norm, rtol=1e-12)


def test_weights_that_are_made_of_others():
    """Each parameter behind the weight has its lags; autograd's gradient of it is their sum."""
    x = inputs(T, B, I)
    for around in (
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        _old,
    ):
        torch.manual_seed(1)
        model = Looped(models.NormLSTM())
        around(model.cell.R)
        parameters = diagnosed(model, x).layers["cell"].profile.parameters
        assert any(name.startswith("R.") and name != "R.weight" for name in parameters)
        assert all(own.residual < 1e-12 for own in parameters.values())


def _old(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(module)


def test_complex_numbers():
    """A linear recurrent unit (Orvieto et al. 2023): the state and one parameter are complex, two are real."""

    class Unit(nn.Module):
        def __init__(self):
            super().__init__()
            self.nu, self.theta = (nn.Parameter(torch.rand(H, dtype=D)) for _ in range(2))
            self.B = nn.Parameter(torch.randn(H, I, dtype=torch.complex128))

        def forward(self, x, h):
            keep = torch.exp(-torch.exp(self.nu) + 1j * torch.exp(self.theta))
            return keep * h + x.to(torch.complex128) @ self.B.T

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = Unit()

        def losses(self, x):
            h, losses = torch.zeros(B, H, dtype=torch.complex128), []
            for t, x_t in enumerate(x):
                h = self.cell(x_t, h)
                losses.append(torch.sin(h.real + h.imag).sum() * (1 + t))
            return losses

    torch.manual_seed(1)
    model, x = Model(), inputs(T, B, I)
    profile = diagnosed(model, x).layers["cell"].profile
    for name, G in gradients(model, x, model.cell).items():
        norms = np.sqrt(np.square(np.abs(G)).reshape(T, -1).sum(1))
        np.testing.assert_allclose(profile.parameters[name].norm, norms, rtol=1e-10, atol=1e-12)


def test_narrow_numbers():
    """Autocast, and a step in bfloat16: the lags add up as far as such numbers can."""

    def cast(cell, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h = zero(x)
            for x_t in x:
                h = cell(x_t, h)
                yield h.float()

    torch.manual_seed(1)
    plain = nn.GRUCell(I, H)
    x = inputs(T, B, I).float()
    wide = diagnosed(Loop(_plain, plain), x).layers["cell"].profile.parameters["weight_hh"]
    for model, batch in (
        (Loop(cast, plain), x),
        (Loop(_plain, nn.GRUCell(I, H).bfloat16()), x.bfloat16()),
    ):
        model.cell.load_state_dict(plain.state_dict())
        narrow = diagnosed(model, batch).layers["cell"].profile.parameters["weight_hh"]
        np.testing.assert_allclose(narrow.log10_norm[:4], wide.log10_norm[:4], atol=0.05)


def _plain(cell, x):
    h = zero(x)
    for x_t in x:
        h = cell(x_t, h)
        yield h.float()


def test_within_no_grad_and_inference_mode():
    torch.manual_seed(1)
    model, x = Looped(models.MinGRU()), inputs(T, B, I)
    asked = diagnosed(model, x).layers["cell"].profile
    for within in (torch.no_grad(), torch.inference_mode()):
        with within:
            again = bptt.diagnose(model, x, whole_loss, progress=False).layers["cell"].profile
        np.testing.assert_array_equal(again.log10_norm, asked.log10_norm)


def test_a_frozen_model_is_searched_too():
    torch.manual_seed(1)
    model = Looped(models.MinGRU()).requires_grad_(False)
    report = bptt.diagnose(model, inputs(T, B, I), whole_loss, progress=False)
    assert [*report.layers] == ["cell"]
