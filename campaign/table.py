"""The table of docs/reliability.md, from what the campaign stored."""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "campaign.json"
PAGE = HERE.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- campaign -->", "<!-- end of campaign -->"


def table() -> str:
    """A row per command, and what was wrong in sentences."""
    stored = json.loads(RESULTS.read_text())
    rows = [
        "| command | killed | went on to the same end | processes gone after, at most | full disk | two writers | wrong |",
        "|---|---|---|---|---|---|---|",
    ]
    sentences = []
    for name, case in stored["cases"].items():
        kills, full, two = case["kills"], case["full"], case["two"]
        wrong = [*kills["wrong"], *full["wrong"], *two["wrong"]]
        sentences += [f"- {sentence}" for sentence in wrong]
        rows.append(
            f"| {name} | {kills['kills']} | {kills['ended']} | {kills['slowest']:.1f} s | {full['kills']} | "
            f"{two['kills']} | {len(wrong) or 'none'} |"
        )
    total = sum(case["kills"]["kills"] for case in stored["cases"].values())
    head = f"{total} kills in all, seed {stored['seed']}, bptt {stored['version']}, Python {stored['python']}, {stored['system']}."
    return "\n".join([head, "", *rows, *[""] * bool(sentences), *sentences])


def write() -> None:
    """Put it into the page."""
    text = PAGE.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    assert pattern.search(text), f"{PAGE} has no place for the table"
    PAGE.write_text(pattern.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", text))


if __name__ == "__main__":
    write()
