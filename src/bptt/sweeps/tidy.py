"""A sweep as tidy tables: a row per point, per layer of a point, or per lag of a layer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bptt.gradients.by_lag.lag_table import FIELDS as LAG_FIELDS
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.point.curves import unpacked
from bptt.sweeps.point.rows import FIELDS, LAYERS, SETTING_FIELDS
from bptt.sweeps.store.layers import Layers
from bptt.tables import Field, Table, arranged
from bptt.version import __version__

TABLES = ("points", "layers", "lags")
LAYER = LAYERS[0]


def table(
    what: str,
    rows: Rows,
    varied: tuple[str, ...],
    layers: Callable[[], Layers],
    source: str,
) -> Table:
    """One of the tables.

    Args:
        what: one of ``TABLES``.
        rows: of the sweep.
        varied: the fields that differ.
        layers: gives the layers of these rows.
        source: where they come from, for errors.

    Raises:
        FileError: if the layers cannot be read.
    """
    about = {"title": f"a sweep over {', '.join(varied)}", "made_by": f"bptt {__version__}"}
    if what == "points":
        values = {each.name: _arranged(each, rows) for each in FIELDS}
        return Table(FIELDS, values, varied, about)
    found = layers()
    if what == "layers":
        fields = (*_settings(varied), *LAYERS)
        values = _of_points(rows, varied, found) | {f.name: _arranged(f, found.rows) for f in LAYERS}  # fmt: skip
        return Table(fields, values, (*varied, "layer"), about)
    return _lags(rows, varied, found, source, about)


def _lags(
    rows: Rows, varied: tuple[str, ...], found: Layers, source: str, about: dict[str, str]
) -> Table:
    """A row per lag that was kept."""
    kept = [n for n, content in enumerate(found.curves) if content is not None]
    read = [unpacked(source, found.curves[n] or b"") for n in kept]
    sizes = [len(lags) for lags, _ in read]
    there = {name for _, curves in read for name in curves}
    curves = tuple(each for each in LAG_FIELDS if each.name == "lag" or each.name in there)
    of = found.rows.some(np.repeat(kept, sizes).astype(int))
    values: dict[str, Any] = _of_points(rows, varied, Layers(of, ()))
    values[LAYER.name] = of.column(LAYER.name)
    for each in curves:
        parts = [
            lags if each.name == "lag" else some.get(each.name, np.full(len(lags), np.nan))
            for lags, some in read
        ]
        whole = np.concatenate(parts) if parts else np.zeros(0)
        values[each.name] = whole.tolist() if each.name == "lag" else whole
    return Table((*_settings(varied), LAYER, *curves), values, (*varied, LAYER.name, "lag"), about)


def _settings(varied: tuple[str, ...]) -> tuple[Field, ...]:
    return tuple(each for each in SETTING_FIELDS if each.name in varied)


def _of_points(rows: Rows, varied: tuple[str, ...], found: Layers) -> dict[str, Any]:
    """The varied fields of the point that each layer is of."""
    assert rows.ids is not None
    assert found.rows.ids is not None
    order = np.argsort(rows.ids)
    at = order[np.searchsorted(rows.ids, found.rows.ids, sorter=order)]
    some = rows.some(at)
    return {each.name: _arranged(each, some) for each in _settings(varied)}


def _arranged(each: Field, rows: Rows) -> Any:
    if each.kind is float:
        return rows.numbers(each.name)
    return arranged(each.kind, rows.column(each.name))
