"""What came of each command, stored, and the table of docs/reliability.md: ``python -m campaign.table`` writes it."""

import json
import os
import platform
from pathlib import Path
from typing import Any

from docs.marked import filled

from bptt.version import __version__
from campaign.cases import CASES

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "campaign.json"
PAGE = HERE.parent / "docs" / "reliability.md"
HEAD = [
    "| command | killed | went on to the same end | processes gone after, at most | full disk | read-only | two writers | wrong |",
    "|---|---:|---:|---:|---:|---:|---:|---:|",
]
KINDS = ("kills", "full", "read_only", "two")


def store(name: str, seed: int, found: dict[str, Any]) -> None:
    """Keep what came of a command in place of what was kept of it, with where it ran, and write the table."""
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    stored[name] = {
        "seed": seed, "bptt": __version__, "python": platform.python_version(), "machine": machine, **found,
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(stored, indent=1) + "\n")
    write()


def table() -> str:
    """A row per command, and what was wrong in sentences."""
    stored = json.loads(RESULTS.read_text())
    rows = [_row(case.name, stored.get(case.name)) for case in CASES]
    wrong = [f"- {sentence}" for case in stored.values() for sentence in _wrong(case)]
    total = sum(case["kills"]["times"] for case in stored.values())
    where = {
        f"seed {c['seed']}, bptt {c['bptt']}, Python {c['python']}, {c['machine']}"
        for c in stored.values()
    }
    head = f"{total} kills in all; {'; '.join(sorted(where))}."
    return "\n".join([head, "", *HEAD, *rows, *[""] * bool(wrong), *wrong])


def _row(name: str, case: dict[str, Any] | None) -> str:
    if case is None:
        return f"| {name} |{' not run |' * 7}"
    kills = case["kills"]
    others = [str(case[kind]["times"]) if kind in case else "not run" for kind in KINDS[1:]]
    return (
        f"| {name} | {kills['times']} | {kills['ended']} | {kills['slowest']:.1f} s | "
        f"{' | '.join(others)} | {len(_wrong(case)) or 'none'} |"
    )


def _wrong(case: dict[str, Any]) -> list[str]:
    return [sentence for kind in KINDS if kind in case for sentence in case[kind]["wrong"]]


def write() -> None:
    """Put it into the page."""
    PAGE.write_text(filled(PAGE.read_text(), "campaign", table()))


if __name__ == "__main__":
    write()
