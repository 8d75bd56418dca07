"""What a probability rests on: the numbers of a look ahead, and which of them is missing."""

import numpy as np
import pytest

from bptt.data import Batch, Series, Text, tasks
from bptt.prognoses import Agreement, Measured, Prognosis
from bptt.training import source_of


def told(**changed):
    """A prognosis of numbers as networks that learn have them, but for what is changed."""
    usual = {
        "loss": (1.0, 0.996, 0.992), "reach": (-1.2, -1.0), "coherence": 0.3, "form": 0.3, "trained": 0.994, "epoch": np.inf,
    } | changed  # fmt: skip
    agreed = Agreement(usual["coherence"], 0.1, 1e-3, 5e-4, 1.0)
    before, after = usual["reach"]
    numbers = [
        Measured(n, loss, 1.0, r, agreed, agreed, usual["form"])
        for n, loss, r in zip((0, 100, 200), usual["loss"], (before, before, after), strict=True)
    ]
    losses = (usual["trained"],) * 200
    return Prognosis(50, 2000, tuple(numbers), losses, epoch=usual["epoch"])


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"reach": (-7.0, -7.0), "coherence": 0.01, "form": 0.0}, "reach"),
        ({"reach": (-3.0, -3.5), "coherence": 0.2, "form": 0.2}, "reach"),
        ({"coherence": -0.02, "form": 0.15, "loss": (1.0, 1.0, 1.0)}, "agreement"),
        ({"reach": (-1.0, -1.0), "coherence": 0.1, "form": 0.0}, "form"),
    ],
)
def test_each_of_the_three_can_be_what_is_missing(changed, missing):
    assert told().verdict == "will learn"
    assert told().missing is None
    assert told(**changed).verdict != "will learn"
    assert told(**changed).missing == missing


def test_reach_is_where_the_signal_is_going():
    """From 1e-9 to 1e-7 in a tenth of the budget: at this pace it arrives whole before the budget ends."""
    assert told(reach=(-9.0, -7.0)).evidence["reach"] == 2.0  # the limit
    assert told(reach=(-3.0, -2.9)).evidence["reach"] == pytest.approx(-2.0)
    assert told(reach=(-7.0, -7.0)).evidence["reach"] == -7.0
    assert told(reach=(-np.inf, -np.inf)).evidence["reach"] == -8.0
    assert told(reach=(-9.0, -7.0)).probability > told(reach=(-7.0, -7.0)).probability + 0.15


def test_the_fall_is_what_the_loss_will_still_lose_at_its_pace():
    """Over the last leg of 100 updates ln(loss/blind) fell by 0.1; 1,800 are left."""
    falls = told(loss=(1.0, np.exp(-0.1), np.exp(-0.2))).evidence["fall"]
    assert falls == pytest.approx(np.log10(0.1 * 18))
    slower = told(loss=(1.0, 0.95, 0.94)).probability
    assert told(loss=(1.0, 0.97, 0.94)).probability > slower


def test_what_does_not_carry_over_lowers_the_probability_and_is_said():
    few = {"epoch": 5.0, "form": 0.05}
    same, apart = told(**few, trained=0.994), told(**few, trained=0.6)
    assert apart.evidence["gap"] == pytest.approx(np.log(0.994 / 0.6))
    assert apart.evidence["passes"] == pytest.approx(np.log1p(2000 / 5))
    assert apart.probability < same.probability < told(form=0.05).probability
    assert apart.overfits
    assert apart.missing is None
    assert not told(form=0.0, coherence=0.05).overfits


def test_data_that_are_drawn_anew_have_no_gap_and_unknown_ones_no_passes():
    drawn = told(trained=0.6).evidence
    assert (drawn["gap"], drawn["passes"]) == (0.0, 0.0)
    unknown = told(trained=0.6, epoch=None).evidence
    assert unknown["gap"] > 0
    assert "passes" not in unknown


def test_no_number_of_the_last_leg_without_the_losses_of_every_update():
    measured = told().measured
    assert "gap" not in Prognosis(50, 2000, measured, (1.0,) * 3).evidence
    assert "fall" not in Prognosis(50, 2000, measured[:1], ()).evidence


def test_an_epoch_counts_updates_until_all_data_are_gone_through():
    batch = Batch(np.zeros((5, 24, 1), "float32"), np.zeros(24, int), np.full(24, 5))
    series = Series("own", batch, batch, 2, "cross_entropy", "last")
    assert source_of(series, batch=8).epoch == 3
    text = Text.load("text")
    assert source_of(text, length=50, batch=4).epoch == pytest.approx(len(text.train) / 200)
    assert source_of(tasks.adding(20)).epoch == np.inf
