"""Every optimiser under a schedule: a run in two parts is the run in one, bit for bit."""

import pytest

import bptt
from bptt import errors, training
from bptt.data import tasks

MAKE = {
    "sgd": lambda: training.SGD(0.1, 0.9),
    "rmsprop": lambda: training.RMSprop(0.01),
    "adam": lambda: training.Adam(0.01),
}
SCHEDULES = [
    training.WarmUp(5, training.Cosine(15)),
    training.StepDecay(4, 0.5),
    training.Exponential(0.9),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("name", MAKE)
def test_bit_for_bit(name, schedule, tmp_path):
    task = tasks.load("adding", 12)
    net = bptt.Network.init(2, 8, 1, loss="mse", loss_at="last", rng=0)
    options = {"batch": 5, "schedule": schedule, "seed": 2, "omega": 0.5}
    whole = training.train(net, task, updates=20, optimiser=MAKE[name](), **options)
    path = tmp_path / "a"
    training.train(net, task, updates=8, optimiser=MAKE[name](), checkpoint=path, **options)
    rest = training.train(
        net, task, updates=20, optimiser=MAKE[name](), checkpoint=path, resume=True, **options
    )
    for key, value in whole.network.parameters().items():
        assert (rest.network.parameters()[key] == value).all(), key
    assert rest.score == whole.score
    without = training.train(net, task, updates=20, optimiser=MAKE[name](), **options | {"schedule": None})  # fmt: skip
    assert (without.network.parameters()["W_R"] != whole.network.parameters()["W_R"]).any()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"schedule": training.Cosine(21)}, "schedule"),
        ({"omega": 0.1}, "omega"),
        ({"evaluate_every": 5}, "evaluate_every"),
        ({"seed": 1}, "data_seed"),
        ({"optimiser": training.RMSprop(1e-3, alpha=0.9)}, "optimiser"),
    ],
)
def test_other_settings_are_refused(change, name, tmp_path):
    task = tasks.load("adding", 12)
    net = bptt.Network.init(2, 8, 1, loss="mse", loss_at="last", rng=0)
    options = {"updates": 4, "schedule": training.Cosine(20), "checkpoint": tmp_path / "a"}
    training.train(net, task, **options)
    with pytest.raises(errors.OptionError, match=f"^{name}: expected .*as the run began"):
        training.train(net, task, resume=True, **options | change)
