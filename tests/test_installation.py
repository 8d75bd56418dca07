"""What ``bptt doctor`` finds, and that its self-check can fail."""

import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bptt.installation import PARTS
from bptt.kernels import compiled_loops, instruction_sets
from tests import bare
from tests.cli.command import bptt as command

pytest.importorskip("packaging")
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
FOR_DEVELOPERS = {"all", "test", "experiments", "real", "check", "bench", "site"}


@pytest.mark.needs("typer")
def test_a_sound_installation(tmp_path):
    found = json.loads(command("doctor", "--json", cwd=tmp_path).stdout)
    assert found["healthy"]
    assert found["versions"]["numpy"] == np.__version__
    assert len(found["checks"]) == 22
    assert (
        0 < max(check["worst"] for check in found["checks"] if check["dtype"] == "float64") < 1e-13
    )


@pytest.mark.needs("typer")
@pytest.mark.skipif(instruction_sets.compiled is None, reason="the compiled loops are not built")
@pytest.mark.parametrize("by", [1 + 1e-9, np.nan])
def test_a_kernel_that_is_wrong_is_found(by, tmp_path, monkeypatch):
    """Its errors are off by a part in 10^9, which float32 cannot see and float64 must; or are no numbers at all."""
    true = instruction_sets.compiled

    def wrong(packed, gates, c, d, carried, dz, keep):
        true.lstm_backward(packed, gates, c, d, carried, dz, keep)
        dz *= by

    names = {name: getattr(true, name) for name in dir(true)}
    monkeypatch.setattr(compiled_loops, "C", SimpleNamespace(**names | {"lstm_backward": wrong}))
    said = command("doctor", cwd=tmp_path, code=1).stdout
    assert (
        "The numbers are WRONG: do not use them. BPTT_KERNELS=numpy selects the NumPy loops" in said
    )
    assert re.search(r"^  LSTM, 18 units, float64: WRONG", said, re.M)
    assert "RNN" not in said.partition("Optional")[0]


def test_the_parts_are_the_extras():
    """With the packages and the oldest versions that pyproject.toml asks for."""
    assert {part.extra for part in PARTS} == EXTRAS.keys() - FOR_DEVELOPERS
    for part in PARTS:
        asked = [Requirement(text) for text in EXTRAS[part.extra]]
        own = {r.name: str(r.specifier).removeprefix(">=") for r in asked if r.name != "bptt"}
        assert part.packages == own


def test_a_missing_part_has_its_cure_though_the_command_needs_it_too(tmp_path):
    light = bare.install(tmp_path / "site", "numpy", "safetensors")
    done = bare.python(light, "-m", "bptt", "doctor")
    assert done.returncode == 0, done.stderr
    assert (
        "cli      the command bptt, tables in the terminal: missing: typer, rich. Cure: pip install 'bptt[cli]'\n"
        in done.stdout
    )
    assert done.stdout.endswith("\nThe numbers are right.\n")


def test_a_package_that_is_too_old_is_missing(monkeypatch):
    monkeypatch.setattr(
        "bptt.installation.parts.installed", {"typer": "0.9.4", "rich": "15.0.0rc1"}.get
    )
    (cli,) = (part for part in PARTS if part.extra == "cli")
    assert cli.missing == ("typer 0.9.4 (older than 0.16)",)
