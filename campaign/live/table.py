"""What came of crowds, stored, and the table of docs/reliability.md: ``python -m campaign.live.table`` writes it."""

import json
import os
import platform
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docs.marked import filled

from bptt.version import __version__
from campaign.live.crowd import Round

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "live.json"
PAGE = HERE.parents[1] / "docs" / "reliability.md"
MOMENTS = ("before", "most", "after")
TAKEN = {
    "mb": "memory, MB", "threads": "threads", "files": "open files and sockets", "children": "processes it started",
}  # fmt: skip


def store(rounds: list[Round], **how: Any) -> None:
    """Keep what came of a server's crowds in place of what was kept, with how and where they ran, and write the table."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    where = {"bptt": __version__, "python": platform.python_version(), "machine": machine}
    found = {**how, **where, "rounds": [asdict(each) for each in rounds]}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    write()


def table() -> str:
    """A column per crowd, a row per figure, and what was wrong in sentences."""
    found = json.loads(RESULTS.read_text())
    rounds = found["rounds"]
    columns = [_figures(each) for each in rounds]
    names = [f"crowd {n}" for n in range(1, len(rounds) + 1)]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    wrong = [f"- {sentence}" for each in rounds for sentence in each["seen"]["wrong"]]
    head = (
        f"{found['clients']} clients at a time for {found['seconds']:g} seconds, {len(rounds)} times at the same server, seed "
        f"{found['seed']}; looked at again {found['rest']:g} seconds after the last had gone. "
        f"bptt {found['bptt']}, Python {found['python']}, {found['machine']}."
    )
    lines = [["", *names], ["---", *["---:"] * len(names)], *rows]
    return "\n".join(
        [head, "", *(f"| {' | '.join(line)} |" for line in lines), *[""] * bool(wrong), *wrong]
    )


def _figures(found: dict[str, Any]) -> dict[str, str]:
    """By its name, in the order of the table."""
    seen = found["seen"]
    taken = {
        f"{words}: before, at most, after": ", ".join(str(found[at][name]) for at in MOMENTS)
        for name, words in TAKEN.items()
    }
    opened, moved = found["alive"]
    return {
        "pages that were opened": str(len(seen["opened"])),
        "moves of a slider that were answered": f"{len(seen['moved']):,}",
        "files that came": f"{seen['files']:,}",
        "times that the server said it is full": str(seen["full"]),
        "wrong answers": str(len(seen["wrong"]) or "none"),
        "seconds until a page stood: median, worst": _seconds(seen["opened"]),
        "seconds until a move was answered: median, worst": _seconds(seen["moved"]),
        **taken,
        "seconds for the next client: page, move": f"{opened:.2f}, {moved:.2f}",
    }


def _seconds(each: list[float]) -> str:
    return f"{statistics.median(each):.2f}, {max(each):.2f}" if each else "none"


def write() -> None:
    """Put it into the page."""
    PAGE.write_text(filled(PAGE.read_text(), "clients", table()))


if __name__ == "__main__":
    write()
