"""What is told of stored networks: ranks, calls and probabilities, against counts by hand and another library."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from experiments.foretold import (
    balanced_accuracy,
    calibration_error,
    foretold,
    learnt,
    lowest,
    places,
    reached,
    reliability,
)
from sklearn import metrics

from bptt.prognoses.calibration import calibration


def run(**other):
    agreement = [0.5, 0.01, 1e-3, 1e-4, 1.0]
    rows = [[n, 0.8, 1.0, -1.0, agreement, agreement, 0.2] for n in range(5)]
    return {
        "work": "xor 14", "updates": 1000, "at": None, "loss": 0.9, "constant": 1.0, "solved": False,
        "ahead": rows, "broke_off": None, "trained": [0.8] * 4, "epoch": None,
    } | other  # fmt: skip


def test_outcomes_are_ordered_by_when_then_by_what_is_left_and_whoever_learnt_nothing_is_tied():
    runs = [
        run(at=300), run(at=900), run(loss=0.4), run(loss=0.9), run(loss=0.96), run(loss=1.3),
        run(loss=None),
    ]  # fmt: skip
    assert places([learnt(one) for one in runs]).tolist() == [0, -1, -2, -3, -4, -4, -4]


@pytest.mark.parametrize("seed", range(3))
def test_balanced_accuracy_as_scikit_learn_has_it(seed):
    rng = np.random.default_rng(seed)
    solved = rng.random(40) < 0.3
    called = rng.random(40) < 0.5
    expected = metrics.balanced_accuracy_score(solved, called)
    assert balanced_accuracy(solved, called) == pytest.approx(expected, abs=1e-12)


def test_calibration_error_by_hand():
    p = [0.05, 0.15, 0.11, 0.95, 1.0]
    solved = [False, True, False, True, True]
    assert reliability(p, solved) == [
        pytest.approx((0.05, 0.0, 1)), pytest.approx((0.13, 0.5, 2)), pytest.approx((0.975, 1.0, 2)),
    ]  # fmt: skip
    assert calibration_error(p, solved) == pytest.approx((0.05 + 2 * 0.37 + 2 * 0.025) / 5)


def test_a_training_that_broke_off_will_not_learn():
    one = foretold(run(broke_off="update 7: not finite", ahead=[]))
    assert one.chance(calibration()) == 0
    assert one.score(calibration()) == -np.inf


def test_what_has_learnt_already_stands_above_the_others_by_its_loss():
    before = foretold(run())
    rows = [
        [*row[:1], loss, *row[2:]]
        for row, loss in zip(run()["ahead"], (1, 1, 1, 0.3, 0.2), strict=True)
    ]
    early, late = foretold(run(ahead=rows), 0.05), foretold(run(ahead=rows), 0.1)
    scores = [one.score(calibration()) for one in (before, early, late)]
    assert scores == sorted(scores)
    assert (early.left, late.left) == (0.3, 0.2)
    assert [one.chance(calibration(), 0.5) for one in (early, late)] == [1, 1]


def test_when_a_mark_was_reached():
    """From the curve; without one from where the training stopped at half, or its end."""
    curve = [[50, 1.0, 0.0], [100, 0.7, 0.0], [150, 0.5, 0.0]]
    whole = run(curve=curve, constant=1.0, updates=200, at=150, solved=True, loss=0.5)
    assert [reached(whole, mark) for mark in (0.9, 0.8, 0.5)] == [0.5, 0.5, 0.75]
    bare = {name: value for name, value in whole.items() if name != "curve"}
    assert reached(bare, 0.8) == 0.75
    slow = run(constant=1.0, updates=200, at=None, solved=False, loss=0.7)
    assert (reached(slow, 0.8), reached(slow, 0.5)) == (1.0, None)
    assert [lowest(one) for one in (whole, slow)] == [0.5, 0.7]
