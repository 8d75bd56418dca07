"""A sweep as one HTML file: counts, maps, findings, what failed."""

from collections.abc import Sequence

import numpy as np

from bptt.diagnosis import VERDICT_CODES
from bptt.presentation.figure import Figure, figure
from bptt.presentation.template import drawable, rendered
from bptt.sweeps.maps import charts, sentences
from bptt.sweeps.maps.grid import CELLS, Grid, grid, varied_in, words
from bptt.sweeps.point.columns import Rows

# Drawn beside the measure that was asked for, where there are numbers of them.
MAPS = ("lyapunov", "horizon", "log10_attenuation", "memory", "solved", "loss")
READING = {
    "lyapunov": "Where λ₁ is below 0 (blue) a small change of the state dies out, and with it the gradient; above 0 "
    "(orange) both grow. ",
    "rate": "Below 0 (blue) the error signal shrinks on its way back, above 0 (orange) it grows. ",
    "horizon": "The number of steps back that hold 95 % of the gradient of the recurrent weights. ",
    "log10_attenuation": "The error signal at the needed lag, as a power of ten of its size at lag 0. ",
    "memory": "R² of the input of the needed lag, read linearly off the state: 1 if it is there, 0 if not. ",
    "solved": "1 if all networks of a point solved the task, 0 if none did. ",
}


def page(
    rows: Rows,
    varied: tuple[str, ...],
    x: str | None = None,
    y: str | None = None,
    colour: str = "lyapunov",
    split: str | Sequence[str] | None = None,
) -> str:
    """The whole file as text.

    Raises:
        OptionError: as ``grid``.
    """
    pictures = [drawable(each) for each in figures(rows, x, y, colour, split)]
    failed = sentences.errors(rows)
    counts = {name: int(rows.where("verdict", name).sum()) for name in VERDICT_CODES}
    return rendered(
        "sweep.html.j2",
        pictures,
        tone=max(counts, key=lambda name: counts[name]),
        title=sentences.counted(rows, varied),
        points=f"{len(rows):,} points",
        verdicts=sentences.verdicts(rows),
        findings=sentences.findings(rows, x, y, split),
        facts=sentences.fixed(rows, varied),
        first=pictures[0],
        figures=pictures[1:],
        errors=failed,
        failed=int(rows.where("status", "failed").sum()),
        diverged=sentences.diverged(rows),
        seconds=float(np.nansum(rows.numbers("seconds"))),
        versions=sorted(map(str, rows.distinct("version"))),
    )


def figures(
    rows: Rows,
    x: str | None = None,
    y: str | None = None,
    colour: str = "lyapunov",
    split: str | Sequence[str] | None = None,
) -> list[Figure]:
    """The map that was asked for, then those of the other measures.

    Raises:
        OptionError: as ``grid``.
    """
    if not varied_in(rows):
        return [Figure(colour, words(colour), "", None, "nothing was varied.")]
    measured = {name for name in MAPS if not np.isnan(rows.numbers(name)).all()}
    names = [colour, *(name for name in MAPS if name in measured and name != colour)]
    return [
        _figure(grid(rows, x, y, name, split, CELLS if name == colour else CELLS // 5))
        for name in names
    ]


def _figure(layout: Grid) -> Figure:
    over = words(layout.x.name) + (f" and {words(layout.y.name)}" if layout.y else "")
    name = words(layout.measure)
    heading, same = f"{name[:1].upper()}{name[1:]} over {over}", sentences.constant(layout)
    if same is not None:
        return Figure(layout.measure, heading, "", None, same)
    return figure(
        layout.measure,
        heading,
        READING.get(layout.measure, "") + sentences.how_read(layout),
        charts.chart(layout),
        lambda: sentences.finding(layout),
        lambda: sentences.table(layout),
    )
