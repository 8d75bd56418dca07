"""A row says what was measured: against closed forms, mean field, and truncated BPTT really run."""

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("threadpoolctl")

import threadpoolctl

import bptt
from bptt.configuration import Configuration
from bptt.dynamics.mean_field import critical_gain, mean_field
from bptt.sweeps import Plan, Point
from bptt.sweeps.point.point import measured
from bptt.sweeps.point.rows import COLUMNS

NOISE = Configuration(hidden=32, length=60, dtype="float64")


@pytest.fixture(autouse=True)
def one_thread():
    """As in every engine; more of them only fight on a busy machine."""
    before = bptt.get_num_threads()
    with threadpoolctl.threadpool_limits(1):
        bptt.set_num_threads(1)
        yield
        bptt.set_num_threads(before)


def row(setting, **options):
    found = measured(Point(setting, **options))
    assert found["status"] == "ok", found["error"]
    return found


def test_an_orthogonal_linear_network_shrinks_by_its_gain():
    found = row(replace(NOISE, activation="identity", gain=0.9))
    for name in ("lyapunov", "rate"):
        assert found[name] == pytest.approx(math.log(0.9), abs=1e-12)
    assert found["needed_lag"] == 30
    assert found["log10_attenuation"] == pytest.approx(30 * math.log10(0.9), abs=1e-11)
    assert found["verdict"] == "steady"  # 0.9^30 = 0.04
    assert row(replace(NOISE, activation="identity", gain=0.8))["verdict"] == "vanishing"
    assert row(replace(NOISE, activation="identity", gain=1.2))["verdict"] == "exploding"


def test_the_exponent_of_a_network_that_grows_without_bound():
    # relu is linear in scale; float32 ends at 3e38, so twice 60 steps at gain 8 cannot be read
    found = row(Configuration(hidden=16, length=30, activation="identity", gain=12.0))
    assert found["lyapunov"] == pytest.approx(math.log(12.0), abs=1e-5)


def test_the_exponent_of_noise_is_that_of_mean_field():
    """Within what 256 units allow: seeds scatter by 0.01, and the mean is off by as much again."""
    wide = Configuration(init="gaussian", hidden=256)
    for variance, gain in [(0.1, 0.5), (0.1, critical_gain(0.1)), (0.1, 2), (1, critical_gain(1))]:
        plan = Plan({"gain": [gain], "input_variance": [variance], "seed": "0:2"}, wide)
        found = np.array([row(point.setting)["lyapunov"] for point in plan.points()])
        assert abs(found.mean() - mean_field(gain, variance).rate) < 0.03


def test_without_inputs_the_network_does_not_stay_at_rest():
    """At rest the exponent would be ln(gain · ρ), 0.9: what is wanted is that of the chaos around it."""
    wide = Configuration(init="gaussian", hidden=256, gain=2.5, input_variance=0.0)
    assert row(wide)["lyapunov"] == pytest.approx(mean_field(2.5).rate, abs=0.03)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_truncation_by_truncating(cell):
    setting = replace(NOISE, cell=cell, loss_at="every", init="pytorch", gain=2.0, bias=1.0)
    K = row(setting)["truncation"]
    assert K > 2
    made = setting.build()
    run = made.network.run(**made.batch)
    whole = made.network.backward(run)["W_R"]

    def bias(K):
        kept = bptt.truncated_bptt(run.trace, run.dh, 1, K)
        return np.linalg.norm(kept - whole) / np.linalg.norm(whole)

    assert bias(K) <= 0.05 < bias(K - 1)


def test_stacks_gates_and_sequences_of_many_lengths():
    for setting in (
        replace(NOISE, cell="gru", layers=2),
        replace(NOISE, cell="lstm", data="vowels", batch=9),
        replace(NOISE, data="text", length=40, batch=4),
        replace(NOISE, data="adding", length=30),
    ):
        found = row(setting)
        assert -2 < found["lyapunov"] < 1
        assert found["residual"] < 1e-12
        assert found["layer"] in setting.build().network.stack.names


def test_the_memory_is_that_of_the_needed_lag():
    setting = replace(NOISE, length=20, batch=64, activation="identity")
    made = setting.build()
    trace = made.network.run(**made.batch).stack_trace
    found = row(setting)
    assert found["memory"] == bptt.dynamics.memory_function(trace).r2[10]


def test_too_short_for_an_exponent():
    found = row(replace(NOISE, length=12))
    assert found["lyapunov"] is None
    assert found["verdict"] in ("vanishing", "steady", "exploding")


def test_training_records_what_was_learnt():
    task = Configuration(data="order2", length=10, hidden=32, init="orthogonal", seed=1)
    fresh, trained = row(task), row(task, train_updates=300, lr=5e-3)
    assert {k: trained[k] for k in ("E", "rate", "lyapunov")} == {
        k: fresh[k] for k in ("E", "rate", "lyapunov")
    }
    assert "loss" not in fresh
    made = task.build()
    result = bptt.training.train(
        made.network, made.data, updates=300, optimiser=bptt.training.Adam(5e-3), seed=1
    )
    assert trained["score"] == result.score
    assert trained["loss"] == pytest.approx(result.history[-1][1], rel=1e-15)
    assert trained["solved"] == int(result.score >= made.data.solved)


def test_training_that_diverges_has_not_solved_it():
    setting = Configuration(data="adding", length=20, hidden=16, activation="relu", gain=3.0)
    found = row(setting, train_updates=50, lr=10.0)
    assert found["error"].startswith("DivergenceError: update 2")
    assert found["solved"] == 0
    assert found.get("score") is None
    assert found["verdict"] == "exploding"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cell": "rmm"}, "OptionError: cell"),
        ({"data": "none.csv"}, "FileError: none.csv"),
        ({"activation": "identity", "gain": 1e30, "dtype": "float32"}, "NonFiniteError"),
        ({"hidden": 3_000_000}, "OptionError: hidden"),
        ({"layers": 0}, "OptionError"),
    ],
)
def test_a_point_that_fails_says_why(wrong, said):
    found = measured(Point(replace(NOISE, **wrong)))
    assert found["status"] == "failed"
    assert said in found["error"]
    assert "\n" not in found["error"]
    assert set(found) <= set(COLUMNS) | {"key"}
