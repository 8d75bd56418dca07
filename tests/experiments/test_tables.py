"""The tables of docs/experiments.md are those of the stored results, and their statistics are right."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from scipy import stats

from experiments import ranks, tables

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("path", "places"),
    [(tables.PAGE, sum(map(len, tables.OF.values())) + len(tables.OF)), (tables.PROGNOSIS, 6)],
)
def test_the_pages_show_what_was_stored(path, places):
    page = path.read_text()
    assert tables.filled(page) == page
    assert page.count("<!-- end -->\n") == places
    assert "-->\n<!-- end -->\n" not in page.replace("minutes -->\n<!-- end -->", "")


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlation_with_ties(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, 40), rng.normal(size=40)
    b = np.round(b + 0.3 * a, 1)
    assert ranks.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


@pytest.mark.long
def test_a_quick_experiment_runs():
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "pascanu", "--quick"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "MSGD-CR" in done.stdout
