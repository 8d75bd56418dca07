"""The table in docs/pytorch.md has a row for every model that is tried."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.third_party.everything import ALL, REFUSED, STEPS
from tests.third_party.table import PLACE

PAGE = Path(__file__).parents[2] / "docs" / "pytorch.md"


def test_the_page_has_a_row_for_every_model():
    table = PLACE.search(PAGE.read_text())[0].splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table if line[:1] == "|"]
    written = [(package.split(" ")[0], model, what) for package, model, what, *_ in rows[2:]]
    assert written == [(case.package, case.model, case.what) for case in [*ALL, *STEPS, *REFUSED]]
    assert [row[3] == "refused" for row in rows[2:]] == [False] * len(ALL + STEPS) + [True] * len(
        REFUSED
    )
    assert all(float(off) < 1e-4 for row in rows[2 : 2 + len(ALL + STEPS)] for off in row[4:])
