"""The table in docs/pytorch.md is the one that its command prints."""

import pytest

pytest.importorskip("torch")

from docs import between_steps


def test_the_table_is_what_its_command_prints():
    table = between_steps.table()
    assert table.count("below 1e-12") == len(between_steps.ROWS) + 2
    assert table in between_steps.PAGE.read_text()
