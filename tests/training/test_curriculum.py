"""The length of a task's sequences from update to update."""

import numpy as np
import pytest

import bptt
from bptt import errors, training
from bptt.data import tasks
from bptt.training import Drawn, Growing
from bptt.training.sources import TaskSource


def test_growing():
    lengths = [Growing(10, 110, updates=50).length(n) for n in range(60)]
    assert lengths[:3] == [10, 12, 14]
    assert lengths[50:] == [110] * 10
    assert (np.diff(lengths[:51]) == 2).all()


def test_drawn_is_uniform_and_a_function_of_the_update():
    drawn = Drawn(50, 59)
    lengths = [drawn.length(n, seed=3) for n in range(20_000)]
    counts = np.bincount(lengths)[50:]
    assert len(counts) == 10
    # 9 degrees of freedom: above 27.9 in one of a thousand
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9
    assert lengths[777] == drawn.length(777, seed=3)
    assert lengths[:50] != [drawn.length(n, seed=4) for n in range(50)]


@pytest.mark.parametrize("name", ["adding", "copy", "order2"])
def test_the_loss_moves_with_the_length(name):
    """The batch of update n is the task's own at that length, and its loss is where that task has it."""
    task = tasks.load(name, 30)
    source = TaskSource(task, 4, seed=7, curriculum=Drawn(20, 40))
    net = bptt.Network.init(
        task.inputs, 5, task.outputs, loss=task.loss, loss_at=task.loss_at, rng=0
    )
    for n in range(4):
        length = Drawn(20, 40).length(n, 7)
        fitted, there = source.fitted(net, n), task.at(length)
        run = fitted.run(**source.arguments(net, n, []))
        x = there.batch(4, np.random.default_rng([7, n])).x
        assert (run.stack_trace.traces[0].x == x).all()
        assert (run.loss_steps == fitted.loss_steps(there.steps)).all()
        assert fitted.parameters()["W_R"] is net.parameters()["W_R"]


def test_resume_is_bit_for_bit(tmp_path):
    task = tasks.load("copy", 10)
    net = bptt.Network.init(
        task.inputs, 8, task.outputs, cell="gru", loss=task.loss, loss_at=task.loss_at, rng=0
    )
    options = {"batch": 4, "curriculum": Growing(2, 12, updates=20), "seed": 5}
    whole = training.train(net, task, updates=25, **options)
    training.train(net, task, updates=11, checkpoint=tmp_path / "a", **options)
    rest = training.train(net, task, updates=25, checkpoint=tmp_path / "a", resume=True, **options)
    for name, value in whole.network.parameters().items():
        assert (rest.network.parameters()[name] == value).all(), name
    assert rest.score == whole.score
    with pytest.raises(errors.OptionError, match="curriculum: expected"):
        training.train(
            net, task, updates=25, checkpoint=tmp_path / "a", resume=True,
            **options | {"curriculum": Growing(2, 12, updates=21)},
        )  # fmt: skip


def test_refused(text):
    for make in (
        lambda: Growing(5, 4, 10),
        lambda: Growing(1, 4, 0),
        lambda: Drawn(0, 4),
        lambda: Drawn(2.5, 4),
        lambda: Growing(1, 4, 2.5),
    ):
        with pytest.raises(errors.OptionError):
            make()
    size = len(text.characters)
    with pytest.raises(errors.OptionError, match="curriculum: expected a task"):
        training.train(bptt.Network.init(size, 4, size, rng=0), text, curriculum=Drawn(2, 3))
    with pytest.raises(errors.OptionError):  # adding needs two steps
        TaskSource(tasks.load("adding", 10), 4, curriculum=Drawn(1, 10))
