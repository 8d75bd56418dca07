"""Other packages' models: what is said of them agrees with autograd, and with a count by hand."""

import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import bptt
from bptt.errors import OptionError
from tests.third_party.autograd import module_of, recurrent_gradients
from tests.third_party.everything import ALL, REFUSED, STEPS

# Deprecations and hints of the packages, which are theirs.
pytestmark = pytest.mark.filterwarnings("default")
CASES = pytest.mark.parametrize("case", ALL, ids=str)
MODES = pytest.mark.parametrize("mode", ["train", "eval"])
TOLERANCE = 1e-4  # of the largest entry: they compute in float32


def build(case, mode="train"):
    """The case, the same every time, and the random numbers at the start of a forward pass."""
    case.require()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        setup = case.build()
    module_of(setup.model).train(mode == "train")
    torch.manual_seed(5)
    return setup


@MODES
@CASES
def test_the_lags_are_all_there_and_add_up_to_autograd(case, mode):
    setup, other = build(case, mode), build(case, mode)
    report = bptt.diagnose(setup.model, setup.batch, setup.loss)
    assert {name: len(layer.profile.norm) for name, layer in report.layers.items()} == setup.lags
    torch.manual_seed(5)
    E, gradients = recurrent_gradients(other, list(setup.lags))
    assert report.diagnosis.E == pytest.approx(E, rel=1e-5)
    for name, layer in report.layers.items():
        expected = gradients[name].numpy()
        off = np.abs(layer.profile.dW_R - expected).max()
        assert off <= TOLERANCE * np.abs(expected).max(), name
        # The last lag's G_k is made with the initial state, which may be zero; its signal is not.
        assert layer.profile.signal[-1] > 0, f"{name}: the signal reaches the last lag"


# Packages whose models here have neither dropout nor a normalisation over the batch.
SAME_IN_EVAL = {
    "sb3-contrib",
    "torchrl",
    "cleanrl",
    "transformers",
    "pytorch-crf",
    "snntorch",
    "skorch",
}


@pytest.mark.parametrize("case", [c for c in ALL if c.package in SAME_IN_EVAL], ids=str)
def test_the_mode_changes_nothing_where_the_model_is_the_same_in_both(case):
    setups = [build(case, mode) for mode in ("train", "eval")]
    train, in_eval = (bptt.diagnose(s.model, s.batch, s.loss) for s in setups)
    assert train.verdict == in_eval.verdict
    assert train.diagnosis.E == in_eval.diagnosis.E
    for name, layer in train.layers.items():
        other = in_eval.layers[name]
        assert layer.cause == other.cause
        assert np.array_equal(layer.profile.norm, other.profile.norm)


def tensors(value, place, seen):
    """Every tensor that a model holds, in attributes and what is nested in them, by its place."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        yield place, value
    elif isinstance(value, torch.nn.Module):
        for name, part in vars(value).items():
            yield from tensors(part, f"{place}.{name}", seen)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from tensors(part, f"{place}[{name!r}]", seen)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from tensors(part, f"{place}[{number}]", seen)


@CASES
def test_the_model_is_left_as_it_was(case):
    setup = build(case)
    model = module_of(setup.model)
    setup.loss(
        model, setup.batch
    ).backward()  # a user's training has begun: there are states and .grad
    before = {
        place: (tensor, tensor.detach().clone(), tensor.grad if tensor.is_leaf else None)
        for place, tensor in tensors(model, "model", set())
    }
    random_numbers = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    bptt.diagnose(setup.model, setup.batch, setup.loss)
    after = dict(tensors(model, "model", set()))
    assert set(after) == set(before)
    for place, (tensor, values, grad) in before.items():
        assert after[place] is tensor, place
        torch.testing.assert_close(tensor.detach(), values, rtol=0, atol=0, equal_nan=True)
        assert not tensor.is_leaf or tensor.grad is grad, place
    assert torch.equal(torch.get_rng_state(), random_numbers[0])
    assert np.array_equal(np.random.get_state()[1], random_numbers[1])  # noqa: NPY002


def losses(case, watched):
    """Three steps of SGD; with a monitor that measures after each, what a prognosis needs too."""
    setup = build(case)
    model, lines = module_of(setup.model), []
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = None
    if watched:
        monitor = bptt.Monitor(
            setup.model, setup.batch, setup.loss, every=1, log=lines.append, budget=20
        )
    torch.manual_seed(6)
    values = []
    for _ in range(3):
        optimiser.zero_grad()
        E = setup.loss(model, setup.batch)
        E.backward()
        optimiser.step()
        if watched:
            monitor.step()
        values.append(E.item())
    return values, lines, setup.lags


@CASES
def test_a_monitor_leaves_the_training_as_it_is(case):
    alone, _, _ = losses(case, watched=False)
    watched, lines, lags = losses(case, watched=True)
    assert watched == alone
    assert len(lines) == 3
    for line in lines:
        assert {f"bptt/{layer}/verdict" for layer in lags} <= set(line)
        assert not line["bptt/problem"]
        assert line["bptt/outlook"] in ("will learn", "will not learn", "cannot tell")


@CASES
def test_the_report_opens(case, tmp_path):
    setup = build(case)
    report = bptt.diagnose(setup.model, setup.batch, setup.loss)
    page = report.save(tmp_path / "report.html").read_text()
    for layer in setup.lags:
        assert layer in page
        assert layer in str(report)


@MODES
@pytest.mark.parametrize("case", STEPS, ids=str)
def test_a_step_of_a_packages_own_is_found_and_adds_up_to_autograd(case, mode):
    setup = build(case, mode)
    report = bptt.diagnose(setup.model, setup.batch, setup.loss)
    assert {name: len(layer.profile.norm) for name, layer in report.layers.items()} == setup.lags
    for layer in report.layers.values():
        assert layer.profile.residual < TOLERANCE


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_recurrence_of_a_packages_own_is_refused_with_the_way_to_measure_it(case):
    setup = build(case)
    with pytest.raises(OptionError, match=r"nn\.LSTM.*bptt\.torch_models\.by_lag"):
        bptt.diagnose(setup.model, setup.batch, setup.loss)
