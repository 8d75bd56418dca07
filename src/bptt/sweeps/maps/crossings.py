r"""Where the largest Lyapunov exponent is zero: as measured, and by mean-field theory.

The measured line is interpolated between the points of a grid: along one field for every value of another
(``crossings``). Each repetition, a seed say, has its own crossing; their mean is given with its standard error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.dynamics import critical_gain
from bptt.errors import OptionError
from bptt.sweeps.maps.grid import Given, Grid, Panel
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.point.rows import CONFIGURATION

AXES = ("gain", "input_variance")
# What the theory describes: one plain tanh layer with independent Gaussian weights that reads noise.
THEORY = {
    "cell": "rnn", "activation": "tanh", "init": "gaussian", "layers": 1, "bias": 0.0, "data": "noise",
}  # fmt: skip
LINE = 41  # points of the drawn mean-field line


@dataclass(frozen=True)
class Crossing:
    """Where λ₁ changes its sign.

    Attributes:
        of: the values of the fields kept apart, by name.
        at: where it is, the mean over the repetitions.
        stderr: its standard error; None of a single one.
        count: repetitions that cross.
        theory: the critical gain of mean field, where it applies.
    """

    of: dict[str, Any]
    at: float
    stderr: float | None
    count: int
    theory: float | None


def crossings(rows: Given, along: str, by: Sequence[str]) -> list[Crossing]:
    """The first crossing along a field, for every value of some others.

    Args:
        rows: of a sweep.
        along: a field of numbers.
        by: fields to keep apart; over all others the crossings are averaged.

    Raises:
        OptionError: if there is no such field.
    """
    for name in (along, *by):
        if name not in CONFIGURATION:
            raise OptionError(
                "along, by", "fields: " + ", ".join(CONFIGURATION), repr(name), "Choose one."
            )
    rows = Rows.of(rows)
    if CONFIGURATION[along] is str:
        return []
    others = [name for name in CONFIGURATION if name not in (along, *by)]
    found = []
    for values, at in rows.grouped(by):
        some = rows.some(at)
        places = _zeros(some, along, others)
        if not len(places):
            continue
        of = dict(zip(by, values, strict=True))
        several = len(places) > 1
        error = float(places.std(ddof=1) / len(places) ** 0.5) if several else None
        theory = _theory(some) if along == "gain" else None
        found.append(Crossing(of, float(places.mean()), error, len(places), theory))
    return found


def applies(rows: Rows) -> bool:
    """Whether mean-field theory describes these networks."""
    variances = rows.distinct("input_variance")
    return (
        len(rows) > 0
        and variances[0] is not None
        and variances[0] >= 0
        and all(rows.distinct(name) == (value,) for name, value in THEORY.items())
    )


def zero_line(panel: Panel, layout: Grid) -> tuple[str, list[Crossing]]:
    """Where λ₁ is zero in a panel, along the field across for every value of the other, or the other way round.

    The figure and the sentences below it both say these numbers.

    Returns:
        the name of the field along which it was looked for, and the crossings; none where nothing crosses.
    """
    x, y = layout.x, layout.y
    if not layout.regular:
        return x.name, []
    found = [] if x.kind == "named" else crossings(panel.rows, x.name, (y.name,) if y else ())
    if found or y is None or y.kind == "named":
        return x.name, found
    return y.name, crossings(panel.rows, y.name, (x.name,))


def mean_field_line(panel: Panel, layout: Grid) -> Array | None:
    """The critical gain over the input variance, (points, 2): x and y; None where the theory does not apply."""
    x, y = layout.x, layout.y
    if y is None or {x.name, y.name} != set(AXES) or not applies(panel.rows):
        return None
    ends = (x if x.name == "input_variance" else y).values
    first, last = float(ends[0]), float(ends[-1])
    variances = first + (last - first) * np.linspace(0, 1, LINE) ** 3  # it rises steeply from 0
    gains = np.array([critical_gain(float(v)) for v in variances])
    line = np.stack([gains, variances] if x.name == "gain" else [variances, gains], axis=1)
    low, high = (
        min((x if x.name == "gain" else y).values),
        max((x if x.name == "gain" else y).values),
    )
    line = line[(gains >= low) & (gains <= high)]
    return line if len(line) > 1 else None


def _theory(rows: Rows) -> float | None:
    """The critical gain of networks that read inputs of one variance."""
    variances = rows.distinct("input_variance")
    return critical_gain(variances[0]) if len(variances) == 1 and applies(rows) else None


def _zeros(rows: Rows, along: str, others: Sequence[str]) -> Array:
    """(runs,) where the straight line between two neighbours of a run first crosses zero; of runs that cross."""
    at, value = rows.numbers(along), rows.numbers("lyapunov")
    known = ~np.isnan(at) & ~np.isnan(value)
    run = rows.together(others)[known]
    at, value = at[known], value[known]
    order = np.lexsort((value, at, run))
    run, at, value = run[order], at[order], value[order]
    x0, x1, v0, v1 = at[:-1], at[1:], value[:-1], value[1:]
    crosses = (run[1:] == run[:-1]) & np.isfinite(v0) & np.isfinite(v1) & ((v0 < 0) != (v1 < 0))
    where = np.flatnonzero(crosses)
    first = where[np.unique(run[where], return_index=True)[1]]
    return np.asarray(x0[first] + (x1[first] - x0[first]) * v0[first] / (v0[first] - v1[first]))
