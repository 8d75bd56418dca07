"""A machine on which only some packages are installed: links to them, and an interpreter without site-packages."""

import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent


def closure(*names):
    """The distributions of these names and all that they need."""
    known, waiting = {}, list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in known:
            continue
        known[name] = distribution(name)
        needed = [Requirement(text) for text in known[name].requires or ()]
        waiting += [r.name for r in needed if not r.marker or r.marker.evaluate({"extra": ""})]
    return known.values()


def install(folder, *names):
    """Fill a folder with links to these distributions and to what they need."""
    folder.mkdir(exist_ok=True)
    for one in closure(*names):
        for top in {file.parts[0] for file in one.files} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(one.locate_file(top))
    return folder


def python(folder, *arguments, **variables):
    """Run Python with the library's sources, its standard library and what is in the folder."""
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    paths = [str(folder), str(ROOT / "src"), str(ROOT)]
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=folder.parent, capture_output=True, text=True,
        env=environment | {"PYTHONPATH": os.pathsep.join(paths)} | variables,
    )  # fmt: skip
