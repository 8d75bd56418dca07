"""Remedies on the terminal: a ranked table, what each changes, and what does not apply."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bptt.presentation.colours import VERDICT_TONES
from bptt.remedies import UNCHANGED, Ranking
from bptt.report.remedies.sentences import best_name, came_out, columns, done, how_ranked, why_not


def render(ranking: Ranking) -> Iterator[RenderableType]:
    """From the first-ranked remedy down to those that do not apply."""
    yield Panel(
        Group(Text(came_out(ranking)), Text(done(ranking), style="dim")),
        title=f"first: {best_name(ranking)}",
        title_align="left",
        border_style=VERDICT_TONES[ranking.tried[0].diagnosis.decisive.verdict].terminal,
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
    stopped = [t for t in ranking.tried if t.trial is not None and t.trial.stopped]
    if stopped:
        yield Text("Trials that broke off", style="bold")
        for tried in stopped:
            yield Text(f"  • {tried.name}: {tried.trial.stopped if tried.trial else ''}")


def _table(ranking: Ranking) -> Table:
    heads, rows = columns(ranking)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads:
        words = head in ("remedy", "verdict")
        table.add_column(head, justify="left" if words else "right", no_wrap=words)
    for row, tried in zip(rows, ranking.tried, strict=True):
        verdict = Text(row[2], style=VERDICT_TONES[tried.diagnosis.decisive.verdict].terminal)
        table.add_row(*row[:2], verdict, *row[3:], style="dim" if tried.name == UNCHANGED else None)
    return table
