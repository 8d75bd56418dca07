"""A sweep on the terminal: how many points have each verdict, what failed, where λ₁ is zero."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bptt.diagnosis import VERDICT_CODES
from bptt.presentation.colours import VERDICT_TONES
from bptt.sweeps.maps import sentences
from bptt.sweeps.point.columns import Rows


def render(rows: Rows, varied: tuple[str, ...]) -> Iterator[RenderableType]:
    """A line, a small table, sentences."""
    yield Text(sentences.counted(rows, varied), style="bold")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("verdict")
    for head in ("points", "median horizon", "median λ₁"):
        table.add_column(head, justify="right")
    for verdict in VERDICT_CODES:
        some = rows.some(rows.where("verdict", verdict))
        if len(some):
            name = Text(verdict, style=VERDICT_TONES[verdict].terminal)
            numbers = (sentences.median(some, "horizon", "{:.0f}"), sentences.median(some, "lyapunov", "{:+.3f}"))  # fmt: skip
            table.add_row(name, f"{len(some):,}", *numbers)
    yield table
    for error, count in sentences.errors(rows):
        yield Text(f"failed: {count:,} × {error}")
    for sentence in sentences.findings(rows):
        yield Text(f"  • {sentence}")
