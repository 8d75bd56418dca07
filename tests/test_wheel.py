"""The wheel and the source distribution as a stranger installs them, in empty environments: make test-wheel.

It takes minutes and installs from the package index, so that only ``BPTT_WHEEL=1`` runs it.
"""

import os
import re
import subprocess
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
# Neither a compiler, nor this checkout, nor a setting of ours: what a stranger has.
OUTSIDE = {k: v for k, v in os.environ.items() if not re.match("BPTT|PYTHON|OMP|MKL|VIRTUAL", k)}

pytestmark = [
    pytest.mark.skipif(not os.environ.get("BPTT_WHEEL"), reason="takes minutes: make test-wheel"),
    pytest.mark.timeout(1800),
]


class Machine:
    """An empty environment in a folder of its own, and what is run there."""

    def __init__(self, folder):
        self.folder = folder
        venv.create(folder / "env", with_pip=True)

    def run(self, *command, **variables):
        path = f"{self.folder / 'env' / 'bin'}{os.pathsep}{os.defpath}"
        done = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=OUTSIDE | {"PATH": path} | variables,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def install(self, what, **variables):
        return self.run(
            "python",
            "-m",
            "pip",
            "install",
            "--constraint",
            CONSTRAINTS,
            "--verbose",
            what,
            **variables,
        )


def only(folder, pattern):
    (found,) = (ROOT / folder).glob(pattern)
    return found


def test_the_wheel_runs_the_readme(tmp_path):
    machine, wheel = Machine(tmp_path), only("wheelhouse", "*.whl")
    assert re.search(r"-manylinux_2_\d+_\w+\.whl$", wheel.name)
    machine.install(f"{wheel}[cli]")
    said = machine.run("bptt", "doctor")
    assert "compiled loops" in said
    assert said.endswith("The numbers are right.\n")
    assert "torch    PyTorch models: missing: torch. Cure: pip install 'bptt[torch]'" in said
    first = machine.run("bptt", "diagnose", "--updates", "300")
    assert "The report with pictures: report.html" in first
    assert (tmp_path / "report.html").stat().st_size > 100_000
    assert "They agree, to 1e-12." in machine.run("bptt", "verify", "--activation", "tanh")


def test_the_source_without_a_compiler(tmp_path):
    """A working library that says that its loops are NumPy's; nothing of git is there."""
    machine = Machine(tmp_path)
    said = machine.install(only("build/dist", "*.tar.gz"), CXX="false", CC="false")
    assert "NumPy loops alone" in " ".join(said.split())
    said = machine.run("python", "-m", "bptt", "doctor")
    assert "NumPy loops; the compiled ones are not installed" in said
    assert said.endswith("The numbers are right.\n")
