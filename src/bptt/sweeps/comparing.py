"""A sweep as a comparison: the curves by lag of its points, with a band over the seeds of each group."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.comparison import Comparison, Run, compare
from bptt.comparison.run import NUMBERS
from bptt.errors import OptionError
from bptt.presentation.formatting import short
from bptt.presentation.series import MOST
from bptt.sweeps.maps.grid import varied_in, words
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.point.curves import unpacked
from bptt.sweeps.store.layers import Layers

REPEATED = "seed"


def compared(
    rows: Rows,
    by: str | Sequence[str] | None,
    what: str,
    band: str,
    layer: str | None,
    layers: Callable[[Array], Layers],
    source: str,
) -> Comparison:
    """The points of a sweep in groups.

    Args:
        rows: of the sweep.
        by: field or fields whose values make the groups; None: all that vary but the seed.
        what: a curve, as ``bptt.compare`` takes it.
        band: likewise.
        layer: name of a layer; None is the one that decides.
        layers: gives the layers of the points of these numbers.
        source: the file, for errors.

    Raises:
        OptionError: if a field did not vary, others varied too, or there are too many groups.
        FileError: if the curves were not kept.
    """
    varied = varied_in(rows)
    fields = _fields(varied, by)
    measured = rows.some(rows.where("status", "ok"))
    groups = list(measured.grouped(fields))
    if not groups:
        raise OptionError("sweep", "points that were measured", "none", "All of them failed.")
    if len(groups) > MOST:
        raise OptionError(
            "by", f"at most {MOST} groups, which can be told apart", str(len(groups)),
            f"Choose some by where(...), for example where({fields[0]}={groups[0][0][0]!r}).",
        )  # fmt: skip
    assert measured.ids is not None
    return compare(
        {
            _name(fields, values): _runs(layers(measured.ids[at]), layer, source)
            for values, at in groups
        },
        what, band=band,
    )  # fmt: skip


def _fields(varied: tuple[str, ...], by: str | Sequence[str] | None) -> tuple[str, ...]:
    if by is None:
        return tuple(name for name in varied if name != REPEATED)
    fields = (by,) if isinstance(by, str) else tuple(by)
    for name in fields:
        if name not in varied:
            raise OptionError(
                "by", "a field that was varied: " + (", ".join(varied) or "none was"), repr(name), "Choose one of these.",
            )  # fmt: skip
    others = [name for name in varied if name not in (*fields, REPEATED)]
    if others:
        raise OptionError(
            "by", "fields that leave nothing but the seed to vary within a group", f"{', '.join(others)} varied too",
            f"Add it: by={[*fields, others[0]]!r}; or keep one value of it, by where({others[0]}=...).",
        )  # fmt: skip
    return fields


def _name(fields: tuple[str, ...], values: tuple[Any, ...]) -> str:
    """Of a group: a name stands for itself, a number needs its field."""
    parts = [
        value if isinstance(value, str) else f"{words(name)} {short(value)}"
        for name, value in zip(fields, values, strict=True)
    ]
    return ", ".join(parts) or "all"


def _runs(found: Layers, layer: str | None, source: str) -> list[Run]:
    """A run per point."""
    rows = found.rows
    if layer is None:
        chosen = np.flatnonzero(rows.numbers("decides") == 1)
    else:
        names = rows.distinct("layer")
        if layer not in names:
            raise OptionError("layer", "one of " + ", ".join(names), repr(layer), "Choose one.")
        chosen = np.flatnonzero(rows.where("layer", layer))
    some = rows.some(chosen)
    of, verdicts = some.column("layer"), some.column("verdict")
    numbers = {name: some.numbers(name) for name in NUMBERS}
    runs = []
    for n, at in enumerate(chosen.tolist()):
        content = found.curves[at]
        if content is None:
            raise OptionError(
                "sweep", "points with curves by lag", "some without", "Measure them again, with their curves."
            )  # fmt: skip
        lags, curves = unpacked(source, content)
        run = {name: float(column[n]) for name, column in numbers.items()}
        runs.append(Run(of[n], lags, curves, verdicts[n], run, source))
    return runs
