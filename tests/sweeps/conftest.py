"""Pages are visited as the report's are; and the file of a sweep, in a copy that a test may spoil."""

import shutil

import pytest

from tests.report.conftest import visit

__all__ = ["visit"]


@pytest.fixture
def path(made, tmp_path):
    """A copy of what the file's own ``made`` measured."""
    return shutil.copy(made[0], tmp_path / "sweep.sqlite")
