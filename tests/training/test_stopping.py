"""Early stopping: when, why, and which weights come back."""

import numpy as np
import pytest

import bptt
from bptt import training
from bptt.data import tasks
from bptt.training.sources import TaskSource
from bptt.training.stopping import Stopping


def fresh(task):
    return bptt.Network.init(
        task.inputs, 8, task.outputs, loss=task.loss, loss_at=task.loss_at, rng=0
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "higher", "reason"),
    [
        ([], False, None),
        ([5, 4, 3, 2], False, None),
        ([5, 4, 4.5, 4.2], False, "patience"),
        ([5, 4, 4.5, 4], False, "patience"),  # an equal one is not better
        ([5, 4, 4.5, 3.9], False, None),
        ([0.1, 0.5, 0.4, 0.3], True, "patience"),
        ([0.1, 0.5, 0.4, 0.95], True, "until"),
        ([0.95], True, "until"),
        ([0.9, 0.95 - 1e-12], True, None),
    ],
)
def test_reason(scores, higher, reason):
    stopping = Stopping(10, 2, 0.95 if higher else 1.0, higher)
    assert stopping.reason([(10 * i, score) for i, score in enumerate(scores, 1)]) == reason


@pytest.fixture
def rough():
    """Steps so large that scores go up and down."""
    task = tasks.load("order2", 12)
    options = {
        "optimiser": training.SGD(3.0), "batch": 4, "evaluate_every": 3, "patience": 4,
    }  # fmt: skip
    return task, options


def test_the_best_weights_come_back(rough):
    task, options = rough
    result = training.train(fresh(task), task, updates=300, **options)
    assert result.stopped == "patience"
    values = [score for _, score in result.evaluations]
    best = int(np.argmax(values))
    assert result.score == max(values)
    assert len(values) - 1 - best == 4
    assert result.updates == 3 * len(values)
    again = training.train(
        fresh(task), task, updates=3 * (best + 1), **options | {"patience": None}
    )  # fmt: skip
    for name, value in again.network.parameters().items():
        assert (result.network.parameters()[name] == value).all()
    assert TaskSource(task, 4).score(result.network) == result.score


def test_a_file_holds_the_best_and_what_to_go_on_with(rough, tmp_path):
    task, options = rough
    whole = training.train(fresh(task), task, updates=300, checkpoint=tmp_path / "whole", **options)
    saved, _ = bptt.Network.load(tmp_path / "whole")
    for name, value in whole.network.parameters().items():
        assert (saved.parameters()[name] == value).all()
    cut = whole.updates - 4  # between two scores, the best one behind it
    training.train(fresh(task), task, updates=cut, checkpoint=tmp_path / "cut", **options)
    rest = training.train(
        fresh(task), task, updates=300, checkpoint=tmp_path / "cut", resume=True,
        **options | {"optimiser": training.SGD(3.0)},
    )  # fmt: skip
    assert rest.evaluations == whole.evaluations
    assert (rest.updates, rest.stopped, rest.score) == (whole.updates, "patience", whole.score)
    for name, value in whole.network.parameters().items():
        assert (rest.network.parameters()[name] == value).all()


def test_a_run_that_stopped_stays_stopped(rough, tmp_path):
    task, options = rough
    first = training.train(fresh(task), task, updates=300, checkpoint=tmp_path / "a", **options)
    before = (tmp_path / "a").read_bytes()
    again = training.train(
        fresh(task), task, updates=300, checkpoint=tmp_path / "a", resume=True,
        **options | {"optimiser": training.SGD(3.0)},
    )  # fmt: skip
    assert (again.updates, again.score, again.stopped) == (first.updates, first.score, "patience")
    assert (tmp_path / "a").read_bytes() == before


def test_without_patience_the_last_weights_come_back(rough):
    task, options = rough
    result = training.train(fresh(task), task, updates=31, **options | {"patience": None})
    assert result.stopped == "updates"
    assert len(result.evaluations) == 10
    assert result.score == TaskSource(task, 4).score(result.network)
