"""The plan of the house holds: imports point down, files stay small, nothing is unpickled."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))


@pytest.mark.needs("importlinter")
def test_import_contracts():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
    assert "No package has a circle among its parts KEPT" in done.stdout


def test_the_plan_is_the_contract():
    """docs/house.md names the rooms in the order in which imports may point down."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contract["contracts"] if c["type"] == "layers")
    floors = [set(layer.replace(" ", "").split("|")) for layer in layers if layer != "reference"]
    plan = re.search(r"\n\n((?:    .*\n)+)", (ROOT / "docs" / "house.md").read_text())[1]
    for line, rooms in zip(plan.splitlines(), floors, strict=True):
        assert set(re.findall(r"\w+", line)) >= rooms, line
        first = line.split()[0].strip("/")
        assert first in rooms


def test_files_are_small():
    long = {path.name: n for path in SOURCES if (n := len(path.read_text().splitlines())) > 300}
    assert not long


def test_nothing_is_unpickled():
    for path in SOURCES:
        assert not re.search(r"pickle\.load|import pickle|allow_pickle=True", path.read_text()), (
            path
        )


def test_types_are_shipped():
    assert (ROOT / "src/bptt/py.typed").is_file()
