"""The table "what each extra brings" of docs/install.md: python -m docs.extras --write, where all of them are installed."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from tests.bare import closure

from bptt.installation import PARTS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "install.md"
BEGIN, END = "<!-- extras -->\n", "<!-- end -->"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def asked_for(extra: str) -> set[str]:
    """The packages that an extra names, and those of the extras that it brings."""
    names: set[str] = set()
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        if requirement.name == "bptt":
            names |= set().union(*map(asked_for, requirement.extras))
        else:
            names.add(requirement.name)
    return names


def row(extra: str, purpose: str) -> str:
    """Packages and megabytes of an extra with the library's own; of those alone where no extra is named."""
    own = {Requirement(text).name for text in PROJECT["dependencies"]}
    packages = closure(*own, *(asked_for(extra) if extra else ()))
    files = {file.locate() for package in packages for file in package.files or ()}
    size = sum(Path(file).stat().st_size for file in files if Path(file).is_file())
    name = f"`bptt[{extra}]`" if extra else "`bptt`"
    return f"| {name} | {purpose} | {len(list(packages))} | {size / 1e6:,.0f} |"


def table() -> str:
    """One row for the library, one for each extra."""
    rows = [row("", "the library"), *(row(part.extra, part.purpose) for part in PARTS)]
    return "\n".join(["| extra | for | packages | MB |", "|---|---|---|---|", *rows]) + "\n"


def main() -> None:
    """Print the table, or write it into the page."""
    made = table()
    print(made, end="")
    if "--write" in sys.argv:
        page = re.sub(
            f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}{made}{END}", PAGE.read_text(), flags=re.S
        )
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
