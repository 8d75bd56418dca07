"""A prognosis on the terminal: the sentence, what is missing, and the numbers by update."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bptt.presentation.colours import OUTLOOK_TONES
from bptt.prognoses import Prognosis
from bptt.report.prognosis.sentences import done, numbers, sentence, why


def render(prognosis: Prognosis) -> Iterator[RenderableType]:
    """From the sentence down to what was left out."""
    lines = [Text(sentence(prognosis))]
    lines += [Text(each, style="dim") for each in (why(prognosis), prognosis.caveat) if each]
    yield Panel(
        Group(*lines),
        title=prognosis.verdict,
        title_align="left",
        border_style=OUTLOOK_TONES[prognosis.verdict].terminal,
    )
    if prognosis.measured:
        yield _table(prognosis)
    yield Text(done(prognosis), style="dim")
    for remark in prognosis.remarks:
        yield Text(remark, style="dim")
    if prognosis.stopped and not prognosis.diverged:
        yield Text(prognosis.stopped)


def _table(prognosis: Prognosis) -> Table:
    heads, rows = numbers(prognosis)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, justify="right" if head else "left")
    for row in rows:
        table.add_row(*row)
    return table
