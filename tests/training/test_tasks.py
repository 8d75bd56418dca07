"""Training on tasks, and scoring them."""

import numpy as np
import pytest

import bptt
from bptt import errors, training
from bptt.data import tasks
from bptt.training import scores
from bptt.training.sources import TaskSource


def fresh(task, hidden=16, **options):
    return bptt.Network.init(
        task.inputs, hidden, task.outputs, loss=task.loss, loss_at=task.loss_at, rng=0, **options
    )


def test_adding_is_learnt():
    """An LSTM learns it in some hundred updates at length 10: the error falls below a tenth of the baseline."""
    task = tasks.load("adding", 10)
    result = training.train(
        fresh(task, 32, cell="lstm"), task, updates=1500, batch=64, optimiser=training.Adam(1e-2),
        evaluate_every=100, until="solved",
    )  # fmt: skip
    assert result.stopped == "until"
    assert result.score <= task.solved < task.baseline / 5
    assert result.evaluations[-1] == (result.updates, result.score)
    assert result.updates < 1500
    assert all(score > task.solved for _, score in result.evaluations[:-1])


def test_batch_n_is_a_function_of_seed_and_n():
    task = tasks.load("order2", 20)
    net, source = fresh(task), TaskSource(task, 6, seed=3)
    x = source.arguments(net, 41, [])["x"]
    assert (x == task.batch(6, np.random.default_rng([3, 41])).x).all()
    assert (x == TaskSource(task, 6, seed=3).arguments(net, 41, [])["x"]).all()
    assert (x != TaskSource(task, 6, seed=4).arguments(net, 41, [])["x"]).any()
    assert (x != source.arguments(net, 42, [])["x"]).any()


def test_held_out_is_not_what_is_trained_on():
    task = tasks.load("adding", 5)
    held = np.concatenate([batch.x for batch in scores.held_out(task)], axis=1)
    assert held.shape == (5, scores.HELD_OUT, 2)
    seen = {bytes(sequence) for sequence in np.ascontiguousarray(held.swapaxes(0, 1))}
    assert len(seen) == scores.HELD_OUT
    source, net = TaskSource(task, 50), fresh(task)
    for n in range(20):
        x = source.arguments(net, n, [])["x"]
        assert not seen & {bytes(sequence) for sequence in np.ascontiguousarray(x.swapaxes(0, 1))}


@pytest.mark.parametrize("name", ["adding", "copy", "order2", "xor"])
def test_score_by_hand(name):
    """One sequence at a time, counted in a loop."""
    task = tasks.load(name, 12)
    net = fresh(task, dtype="float64")
    found = []
    for batch in scores.held_out(task):
        for b in range(batch.x.shape[1]):
            targets = batch.targets[b] if batch.targets.ndim == 1 else None
            if targets is None:
                classes = task.loss == "cross_entropy"
                targets = batch.targets[:, b] if classes else batch.targets[b]
            h = net.stack.forward(batch.x[:, b : b + 1].astype("float64")).outputs[:, 0]
            o = (h @ net.W_O.T + net.b_O)[net.loss_steps(len(h))]
            if task.loss == "cross_entropy":
                found += list((o.argmax(-1) == targets).astype(float))
            else:
                found += list(((o - targets) ** 2).ravel())
    assert TaskSource(task, 4).score(net) == pytest.approx(np.mean(found), rel=1e-12)


def test_evaluate_at_other_lengths(monkeypatch):
    """The score at a length is the score of the task of that length, however few sequences fit at once."""
    task = tasks.load("copy", 10)
    net = fresh(task)
    expected = {}
    for length in (5, 10, 40):
        there = task.at(length)
        other = bptt.Network(net.body, net.W_O, net.b_O, net.loss, there.loss_at)
        expected[length] = TaskSource(there, 4).score(other)
    assert training.evaluate(net, task, [5, 10, 40]) == expected
    monkeypatch.setattr(scores, "AT_ONCE", 1e5)
    assert training.evaluate(net, task, [5, 10, 40]) == expected


def test_long_sequences_are_scored_a_few_at_a_time():
    task = tasks.load("adding", 5000)
    net = fresh(task, 64, cell="lstm")
    (batch,) = [next(iter(scores.held_out(task)))]
    parts = list(scores._few_at_once(net, batch))
    assert sum(part["x"].shape[1] for part in parts) == 50
    held = 5000 * parts[0]["x"].shape[1] * (2 + 4 * 64 + 2 * 64) * 4
    assert held < scores.AT_ONCE


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"batch": 0}, "batch"),
        ({"seed": -1}, "seed"),
        ({"patience": 3}, "evaluate_every"),
        ({"until": 0.1}, "evaluate_every"),
        ({"evaluate_every": 0}, "evaluate_every"),
        ({"evaluate_every": 5, "patience": 0}, "patience"),
        ({"evaluate_every": 5, "until": "good"}, "until"),
        ({"omega": -1.0}, "omega"),
    ],
)
def test_refused(options, name):
    task = tasks.load("adding", 10)
    with pytest.raises(errors.OptionError, match=f"^{name}: expected"):
        training.train(fresh(task), task, **options)


def test_network_must_fit_the_task():
    task = tasks.load("adding", 10)
    with pytest.raises(errors.OptionError, match="network: expected"):
        training.train(fresh(tasks.load("copy", 10)), task)


def test_another_task_is_not_resumed(tmp_path):
    task = tasks.load("adding", 10)
    training.train(fresh(task), task, updates=2, checkpoint=tmp_path / "a")
    with pytest.raises(errors.OptionError, match="task: expected 'adding 10"):
        training.train(
            fresh(task), task.at(11), updates=4, checkpoint=tmp_path / "a", resume=True
        )  # fmt: skip


def test_solved_is_a_word_for_tasks_only(text):
    size = len(text.characters)
    with pytest.raises(errors.OptionError, match="until: expected a score"):
        training.train(
            bptt.Network.init(size, 4, size, rng=0), text, evaluate_every=5, until="solved"
        )  # fmt: skip
