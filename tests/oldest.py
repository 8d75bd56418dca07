"""The oldest versions that pyproject.toml allows, as requirements: ``python -m tests.oldest EXTRA...`` prints them.

``make test-oldest`` installs them into an environment of its own and runs the tests there.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]


def oldest(extras: list[str]) -> list[str]:
    """One line per package that the library and these extras ask for, at its lowest version.

    >>> [line for line in oldest(["keras"]) if line.startswith("numpy")]
    ['numpy==1.26']
    """
    lowest = dict(_asked(PROJECT["dependencies"]))
    for extra in extras:
        lowest |= dict(_asked(PROJECT["optional-dependencies"][extra]))
    return [f"{name}=={version}" for name, version in sorted(lowest.items())]


def _asked(requirements: list[str]) -> Iterator[tuple[str, str]]:
    for requirement in requirements:
        name, extras, version = re.fullmatch(
            r"([\w-]+)(?:\[(.*)\])?(?:>=(.*))?", requirement
        ).groups()
        if name == "bptt":
            for extra in extras.split(","):
                yield from _asked(PROJECT["optional-dependencies"][extra])
        elif version:
            yield name, version


if __name__ == "__main__":
    print("\n".join(oldest(sys.argv[1:])))
