"""Measurement beside theory: a row per setting, mean and standard error over its seeds, and what mean field predicts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError
from bptt.sweeps.maps.grid import varied_in
from bptt.sweeps.maps.theory import described
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.point.rows import SETTING_FIELDS
from bptt.sweeps.store.layers import Layers
from bptt.tables import Field, Table, arranged
from bptt.version import __version__

RATE = "ln per step"
FIELDS = (
    Field("networks", int, "", "how many were measured"),
    Field("lyapunov", float, RATE, "largest Lyapunov exponent, mean over the seeds"),
    Field("lyapunov_stderr", float, RATE, "its standard error over the seeds: of networks of this size"),
    Field("rate", float, RATE, "growth of the error signal per step back, mean over the seeds"),
    Field("rate_stderr", float, RATE, "its standard error over the seeds"),
    Field("rate_theory", float, RATE, "what mean field predicts of both, for networks without end"),
    Field("isometry", float, "1", "variance of a step's squared singular values over their squared mean, mean over the seeds"),
    Field("isometry_stderr", float, "1", "its standard error over the seeds"),
    Field("isometry_theory", float, "1", "what mean field predicts of it, for networks without end"),
)  # fmt: skip


def beside(
    rows: Rows, layers: Callable[[Array], Layers] | None, others: Sequence[str] = ("seed",)
) -> Table:
    """The table.

    Args:
        rows: of the sweep.
        layers: gives the layers of points by their numbers; None where there are none.
        others: fields that are averaged over.

    Raises:
        OptionError: if theory is silent of all of these networks.
    """
    rows = rows.some(rows.where("status", "ok"))
    fields = tuple(name for name in varied_in(rows) if name not in others)
    made = []
    for values, at in rows.grouped(fields):
        some = rows.some(at)
        theory = described(some)
        if theory is None:
            continue
        gain, variance, bias = (some.distinct(n)[0] for n in ("gain", "input_variance", "bias"))
        row: dict[str, Any] = dict(zip(fields, values, strict=True)) | {"networks": len(some)}
        row |= _mean("lyapunov", some.numbers("lyapunov")) | _mean("rate", some.numbers("rate"))
        row |= {
            "rate_theory": theory.rate(gain, variance, bias),
            "isometry_theory": theory.isometry(gain, variance, bias),
        }
        if layers is not None and some.ids is not None:
            row |= _mean("isometry", layers(some.ids).rows.numbers("isometry"))
        made.append(row)
    if not made:
        raise OptionError(
            "sweep", "networks that mean field describes: one layer, rnn, lstm or gru, gaussian or orthogonal weights, noise as inputs "
            "of a given input_variance, no bias of an rnn", "others", "Sweep such ones.",
        )  # fmt: skip
    known = (*(each for each in SETTING_FIELDS if each.name in fields), *FIELDS)
    columns = {f.name: arranged(f.kind, (row.get(f.name) for row in made)) for f in known}
    about = {"title": "measurement beside mean field", "made_by": f"bptt {__version__}"}
    return Table(known, columns, fields, about)


def _mean(name: str, values: Array) -> dict[str, float]:
    """Mean and standard error of those that are finite."""
    some = values[np.isfinite(values)]
    if not len(some):
        return {}
    error = float(some.std(ddof=1) / len(some) ** 0.5) if len(some) > 1 else float("nan")
    return {name: float(some.mean()), f"{name}_stderr": error}
