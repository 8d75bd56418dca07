"""What the monitor says of learning, from the batch that it is given."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import OptionError
from bptt.prognoses import measure_batch
from bptt.torch_models.learner import passed

LAG, T = 3, 8


class Recall(nn.Module):
    """Whether the input was positive some steps before the end."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.GRU(1, 12)
        self.out = nn.Linear(12, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][-1])


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def drawn(sequences, seed):
    x = torch.randn(T, sequences, 1, generator=torch.Generator().manual_seed(seed)).sign()
    return x, (x[T - 1 - LAG, :, 0] > 0).long()


def train(model, updates, lr=0.1):
    optimizer = torch.optim.Adam(model.parameters(), lr)
    for update in range(updates):
        optimizer.zero_grad()
        loss(model, drawn(32, 100 + update)).backward()
        optimizer.step()


@pytest.fixture(scope="module")
def watched():
    """A training that learns, and what its monitor said."""
    model, lines = Recall(), []
    options = {"needed_lag": LAG, "budget": 200, "lr": 0.1}
    monitor = bptt.Monitor(model, drawn(64, 0), loss, every=20, log=lines.append, **options)
    with monitor:
        train(model, 61)
    return model, monitor, lines


def test_the_three_numbers_stand_in_every_line(watched):
    *_, lines = watched
    assert [line["step"] for line in lines] == [0, 20, 40, 60]
    assert all(line["bptt/problem"] is None for line in lines)
    for line in lines:
        assert line["bptt/needed_lag"] == LAG
        assert line["bptt/reach"] == pytest.approx(line["bptt/rnn.0/log10_attenuation"], abs=1e-5)
        assert 0 <= line["bptt/form"] <= 1
        assert line["bptt/agreement_error"] > 0
        assert line["bptt/agreement"] < 1.0001
    assert lines[-1]["bptt/reach"] > lines[0]["bptt/reach"]  # learning made it grow


def test_the_numbers_are_those_of_the_same_batch_by_itself(watched):
    """The model has made no update since the last one but its own."""
    model, lines = Recall(), []
    options = {"needed_lag": LAG, "lr": 0.1, "budget": 200}
    bptt.Monitor(model, drawn(64, 0), loss, log=lines.append, **options).step()
    seen = measure_batch(
        passed(model, drawn(64, 0), loss, LAG, 0), update=0, needed_lag=LAG, batch=32, lr=0.1
    )
    (line,) = lines
    assert line["bptt/agreement"] == pytest.approx(seen.agreement.coherence, rel=1e-6)
    assert line["bptt/form"] == pytest.approx(seen.form, rel=1e-6)
    assert line["bptt/blind_loss"] == pytest.approx(seen.blind, rel=1e-6)


def test_without_a_budget_nobody_looks_and_a_prognosis_says_what_it_needs():
    """The loss is computed once by each measurement, not three times: for the lags, for a look, and for the blind loss."""
    model, lines, calls = Recall(), [], []

    def counted(model, batch):
        calls.append(None)
        return loss(model, batch)

    monitor = bptt.Monitor(model, drawn(8, 0), counted, log=lines.append, needed_lag=LAG)
    calls.clear()
    monitor.step()
    assert len(calls) == 1
    assert lines[0]["bptt/problem"] is None
    assert not {"bptt/reach", "bptt/agreement", "bptt/form", "bptt/outlook"} & set(lines[0])
    for budget in (None, 2000):
        with pytest.raises(OptionError, match=r"made with a budget.*without.*Pass bptt\.Monitor"):
            monitor.prognosis(budget)


def test_a_prognosis_before_the_first_measurement_says_so():
    monitor = bptt.Monitor(Recall(), drawn(8, 0), loss, log=[].append, needed_lag=LAG, budget=200)
    with pytest.raises(OptionError, match=r"none yet.*after the first steps"):
        monitor.prognosis()


def test_a_training_in_progress_gets_the_verdict_of_a_look_ahead(watched):
    """The task is learnt here: the loss falls below half of what it is without the past."""
    _, monitor, lines = watched
    assert lines[0]["bptt/outlook"] == "cannot tell"  # one measurement has no course
    assert lines[-1]["bptt/loss"] < 0.5 * lines[-1]["bptt/blind_loss"]
    assert lines[-1]["bptt/outlook"] == "will learn"
    prognosis = monitor.prognosis()
    assert (prognosis.verdict, prognosis.missing) == ("will learn", None)
    assert prognosis.budget == 200
    assert prognosis.curves["update"] == [0, 20, 40, 60]
    assert "no copy was trained" in " ".join(prognosis.remarks)
    assert monitor.prognosis(budget=5000).budget == 5000


def test_a_batch_of_eight_has_agreement_and_no_form():
    model, lines = Recall(), []
    options = {"needed_lag": LAG, "budget": 200}
    monitor = bptt.Monitor(model, drawn(8, 0), loss, log=lines.append, **options)
    monitor.step()
    assert lines[0]["bptt/form"] is None
    assert lines[0]["bptt/agreement"] is not None
    assert monitor.prognosis().verdict == "cannot tell"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("budget", 3, "a whole number from 20"),
        ("lr", 0.0, "a positive number"),
        ("sequences", 0, "a whole number from 1"),
    ],
)
def test_what_no_training_has_is_refused(option, value, words):
    with pytest.raises(OptionError, match=rf"{option}: expected {words}"):
        bptt.Monitor(Recall(), drawn(8, 0), loss, log=print, **{option: value})
