r"""Where the largest Lyapunov exponent is zero: as measured, and by mean-field theory.

The measured line is interpolated between the points of a grid: along one field for every value of another
(``crossings``). Each repetition, a seed say, has its own crossing; their mean is given with its standard error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError
from bptt.sweeps.maps.grid import Given, Grid, Panel
from bptt.sweeps.maps.theory import beyond, described
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.point.rows import CONFIGURATION

OTHERS = ("input_variance", "bias")  # fields over which theory draws its line
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
    """The critical gain over the input variance or the bias, (points, 2): x and y; None where the theory does not apply."""
    x, y = layout.x, layout.y
    if y is None or "gain" not in (x.name, y.name):
        return None
    gain, other = (x, y) if x.name == "gain" else (y, x)
    theory = described(panel.rows)
    if other.name not in OTHERS or theory is None or beyond(panel.rows, (other.name,)):
        return None
    first, last = float(other.values[0]), float(other.values[-1])
    parts = np.linspace(0, 1, LINE)
    at = first + (last - first) * (parts**3 if other.name == OTHERS[0] else parts)  # steep from 0
    fixed = panel.rows.distinct("bias" if other.name == OTHERS[0] else "input_variance")[0]
    found = [theory.critical_gain(*((v, fixed) if other.name == OTHERS[0] else (fixed, v))) for v in at.tolist()]  # fmt: skip
    gains = np.array([np.nan if each is None else each for each in found])
    line = np.stack([gains, at] if x is gain else [at, gains], axis=1)
    line = line[(gains >= min(gain.values)) & (gains <= max(gain.values))]
    return line if len(line) > 1 else None


def _theory(rows: Rows) -> float | None:
    """The critical gain of networks that read inputs of one variance."""
    theory = described(rows)
    if theory is None or beyond(rows, ()):
        return None
    return theory.critical_gain(rows.distinct("input_variance")[0], rows.distinct("bias")[0])


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
