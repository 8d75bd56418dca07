"""Remedies on the terminal: a ranked table, what each changes, and what does not apply."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bptt.presentation.colours import OUTLOOK_TONES, VERDICT_TONES
from bptt.remedies import UNCHANGED, Ranking
from bptt.report.remedies.sentences import (
    best_name,
    came_out,
    columns,
    done,
    how_ranked,
    no_trial,
    stopped,
    tones,
    why_not,
)

TONES = VERDICT_TONES | OUTLOOK_TONES


def render(ranking: Ranking) -> Iterator[RenderableType]:
    """From the first-ranked remedy down to those that do not apply."""
    missing = no_trial(ranking)
    lines = [Text(came_out(ranking)), Text(done(ranking), style="dim")]
    yield Panel(
        Group(*([Text(missing)] if missing else []), *lines),
        title=f"first: {best_name(ranking)}",
        title_align="left",
        border_style=TONES[tones(ranking)[0]].terminal,
    )
    yield _table(ranking)
    yield Text(how_ranked(ranking), style="dim")
    yield Text("What each changes", style="bold")
    for tried in ranking.tried:
        if tried.name != UNCHANGED:
            yield Text(f"  • {tried.name}: {'; '.join(tried.sentences)} ({tried.source}).")
    if ranking.refused:
        yield Text("What does not apply", style="bold")
        for name, why in ranking.refused:
            yield Text(f"  • {name}: {why_not(name, why)}")
    broken = [(tried.name, stopped(tried)) for tried in ranking.tried if stopped(tried)]
    if broken:
        yield Text("Trainings that broke off", style="bold")
        for name, reason in broken:
            yield Text(f"  • {name}: {reason}")


def _table(ranking: Ranking) -> Table:
    heads, rows = columns(ranking)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for head in heads:
        words = head in ("remedy", "verdict", "outlook", "missing")
        whole = words or head == "chance"
        table.add_column(
            head, justify="left" if words else "right", no_wrap=whole,
            min_width=max(map(len, head.split()), default=None),  # no word of a head is cut
        )  # fmt: skip
    for row, of, tone in zip(rows, ranking.tried, tones(ranking), strict=True):
        outlook = Text(row[2], style=TONES[tone].terminal)
        table.add_row(*row[:2], outlook, *row[3:], style="dim" if of.name == UNCHANGED else None)
    return table
