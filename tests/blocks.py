"""The commands in README.md and docs/: run, compared with what stands below them, or written there.

    python -m tests.blocks --write README.md docs/*.md

A ``console`` block holds commands ("$ ...") and their output. Numbers and the lengths of bars may differ
from machine to machine; words, signs and rows may not.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cli.command import bptt

FENCE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def commands(block):
    """(command, output) pairs."""
    parts = re.split(r"^\$ ", block, flags=re.M)
    for part in parts[1:]:
        command, _, output = part.partition("\n")
        yield command, output


OURS = re.compile(r"bptt ([^|<>&;$`]+?)(?: > (\S+))?")


def run(command, folder):
    """What a command prints, 80 columns wide: a plain one of ours in this process, which has imported it already."""
    if ours := OURS.fullmatch(command):
        printed = bptt(*shlex.split(ours[1]), cwd=folder).stdout
        if ours[2]:
            (Path(folder) / ours[2]).write_text(printed, "utf-8")
            return ""
    else:
        printed = by_the_shell(command, folder)
    return "".join(line.rstrip() + "\n" for line in printed.splitlines())


def by_the_shell(command, folder):
    """What it prints there, with the command ``bptt`` of this environment."""
    scripts = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80", "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    done = subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, f"$ {command}\n{done.stderr}"
    return done.stdout


def shape(output):
    """An output without what may differ from machine to machine."""
    output = re.sub(r"[━│]+", " ", output)
    output = re.sub(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?%?", "#", output)
    return re.sub(r"[ \n]+", " ", output).strip()


def write(path):
    """Replace every output by what the command prints now."""
    with tempfile.TemporaryDirectory() as folder:

        def printed(match):
            done = [f"$ {command}\n{run(command, folder)}" for command, _ in commands(match[1])]
            return "```console\n" + "".join(done) + "```"

        path.write_text(FENCE.sub(printed, path.read_text()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", nargs="+", type=Path, required=True)
    for page in parser.parse_args().write:
        write(page)
