"""The fit that the library ships with is that of the stored development set."""

from dataclasses import asdict

import numpy as np
import pytest

pytest.importorskip("sklearn")

from experiments.ahead import compact
from experiments.calibration import RESTS_ON, fit, fit_without_own, ordinal
from experiments.foretold import Foretold, foretold
from experiments.running import stored

from bptt.prognoses import Agreement, Measured
from bptt.prognoses.calibration import calibration
from bptt.prognoses.look_ahead import POINTS
from experiments import ahead


def test_networks_were_measured_as_a_look_ahead_measures():
    assert (ahead.GROUPS, ahead.FORM_GROUPS) == POINTS[1.0]


def test_what_is_shipped_was_fitted_on_what_is_stored():
    shipped, again = (asdict(one) for one in (
        calibration(), fit([foretold(run) for run in stored("development")["runs"]])
    ))  # fmt: skip
    for name, values in again.items():
        assert shipped[name] == pytest.approx(values, abs=1e-3), name


AGREED = Agreement(0.3, 0.1, 1e-3, 1e-4, 1.0)
SEEN = compact(asdict(Measured(10, 0.5, 1.0, -1.0, AGREED, AGREED, 0.2)))


def made_up(family, seed, slope=2.0, n=400):
    """Networks of which one learns with a probability that is known."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(RESTS_ON)))
    reach = RESTS_ON.index("reach")
    solved = rng.random(n) < 1 / (1 + np.exp(-(0.5 + slope * x[:, reach])))
    return [
        Foretold(
            {"work": f"{family} 9", "at": 50 if s else None, "updates": 100, "loss": 0.5 if s else 1.0, "constant": 1.0,
             "solved": bool(s), "ahead": [SEEN]},
            dict(zip(RESTS_ON, map(float, row), strict=True)), 1.0,
        )
        for row, s in zip(x, solved, strict=True)
    ]  # fmt: skip


def test_the_fit_finds_the_law_that_networks_were_made_by():
    fitted = fit(made_up("xor", 0, n=4000))
    weight = {name: w / fitted.deviation[name] for name, w in fitted.weight.items()}
    assert weight == pytest.approx(dict.fromkeys(RESTS_ON, 0.0) | {"reach": 2.0}, abs=0.15)
    at_zero = fitted.score(dict.fromkeys(RESTS_ON, 0.0))
    for bias in fitted.bias.values():  # whoever learns here comes down to every mark
        assert at_zero + bias == pytest.approx(0.5, abs=0.15)
    assert fitted.when == pytest.approx(dict.fromkeys(RESTS_ON, 0.0) | {"": np.log(0.5)}, abs=1e-4)


def test_a_network_counts_for_the_marks_that_it_has_not_reached():
    """Half of the networks come down to 0.65, a quarter to half; those that were there already say nothing of it."""
    rng = np.random.default_rng(3)
    z, u = rng.normal(size=(4000, 1)), rng.random(4000)
    came = np.stack([u < 0.75, u < 0.5, u < 0.25], axis=1)
    left_open = np.ones_like(came)
    came[:1000], left_open[:1000] = True, False
    weight, bias = ordinal(z, came, left_open)
    assert weight == pytest.approx(0, abs=0.1)
    assert 1 / (1 + np.exp(-bias)) == pytest.approx([0.75, 0.5, 0.25], abs=0.03)


def test_a_kind_of_work_is_told_by_the_others():
    """Two kinds that follow opposite laws: each is told by the other's."""
    one, other = made_up("xor", 1), made_up("adding", 2, slope=-2.0)
    fits = fit_without_own(one + other)
    assert fits[0].weight["reach"] < -1
    assert fits[-1].weight["reach"] > 1
