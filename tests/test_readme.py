"""The README's blocks for the shell, pasted in order into one shell, in a folder that has what a clone has.

Nothing is installed: the environment that ``make demo`` would make is there already, with the packages of this one, and a
``pip`` that only writes down that it was called.
"""

import os
import re
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

pytest.importorskip("typer")
pytest.importorskip("torch")

from tests import blocks

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PASTED = re.compile(r"^```(sh|console)\n(.*?)^```$", re.M | re.S)
BUILD = ("Makefile", "pyproject.toml", "constraints.txt", "CMakeLists.txt")
BETWEEN = "\036"  # printed between two commands
INSTEAD = {
    "bptt lab": "bptt lab --help",  # it runs until Ctrl-C: tests/lab opens it
    "bptt diagnose": "bptt diagnose --help",  # make demo has run it, half a minute long
}
BPTT = """#!{python}
from bptt.__main__ import main

main()
"""
PIP = """#!/bin/sh
echo "$0 $*" >> "{log}"
"""


def pasted():
    """(what is typed, what is printed; None where the README does not say)."""
    for kind, block in PASTED.findall(README):
        if kind == "console":
            yield from blocks.commands(block)
        else:
            yield from ((line, None) for line in block.splitlines())


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path):
    """The Makefile, what it looks at, and the environment as it leaves it."""
    for name in BUILD:
        shutil.copy(ROOT / name, tmp_path)
    folder = tmp_path / ".venv"
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    lines = [f"import site; site.addsitedir({path!r})" for path in sorted(packages)]
    (site / "of_this_one.pth").write_text("\n".join(lines))
    executable(folder / "bin" / "bptt", BPTT.format(python=folder / "bin" / "python"))
    executable(folder / "bin" / "pip", PIP.format(log=tmp_path / "pip.log"))
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "names").touch()  # no module was moved since
    (folder / ".installed").touch()
    return tmp_path


def shell(folder, script):
    """What one shell prints that has never heard of an environment."""
    outside = {"PATH": os.defpath.replace(":.", ""), "COLUMNS": "80", "LC_ALL": "C.UTF-8"}
    inside = {
        k: v
        for k, v in os.environ.items()
        if k not in ("VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, env=inside | outside
    )


@pytest.mark.timeout(600)
def test_the_readme_can_be_pasted_into_one_shell(clone):
    typed = list(pasted())
    script = ["trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR"]
    for command, _ in typed:
        script.append(f"printf '\\036'\n{INSTEAD.get(command, command)}")
    done = shell(clone, "\n".join(script))
    assert "failed: " not in done.stderr, done.stderr[-3000:]
    _, *outputs = done.stdout.split(BETWEEN)
    assert len(outputs) == len(typed)
    printed = {command: text for (command, _), text in zip(typed, outputs, strict=True)}
    for command, output in typed:
        if output is not None and command not in INSTEAD:
            assert blocks.shape(printed[command]) == blocks.shape(output), command
    # the demo runs the first of them, and ends in how to go on
    demo = (ROOT / "Makefile").read_text().partition("\ndemo:")[2].splitlines()[1]
    assert demo == "\t$(BIN)/bptt diagnose --report report.html"
    assert "Usage: bptt diagnose" in printed["bptt diagnose"]
    assert blocks.shape(dict(typed)["bptt diagnose"]) in blocks.shape(printed["make demo"])
    assert printed["make demo"].rstrip().endswith("source .venv/bin/activate")
    # what is installed later lands in the same environment
    calls = (clone / "pip.log").read_text().splitlines()
    assert len(calls) > 1
    assert all(call.startswith(f"{clone / '.venv' / 'bin' / 'pip'} install ") for call in calls)
    assert any("lab" in call for call in calls)


def test_without_its_second_line_the_command_is_not_found(clone):
    """So the test above can fail."""
    done = shell(clone, "bptt verify")
    assert done.returncode == 127
    assert "not found" in done.stderr
