"""A report as tidy tables: everything that was measured, with units and definitions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bptt.diagnosis import Diagnosis, RecurrenceDiagnosis, StateDiagnosis
from bptt.dynamics.lyapunov import EXPONENT_FIELDS
from bptt.dynamics.remembered import FIELDS as MEMORY_FIELDS
from bptt.gradients.by_lag.lag_table import FIELDS as LAG_FIELDS
from bptt.gradients.by_lag.lag_table import parameter_table
from bptt.tables import Field, Table, arranged, stacked
from bptt.version import __version__

Stages = Sequence[tuple[str, Diagnosis]]
STAGE = Field("stage", str, "", "when it was measured: once, or before and after training")
LAYER = Field("layer", str, "", "name of the recurrent layer")
LAYER_FIELDS = (
    Field("kind", str, "", "of the cell or the module"),
    Field("decides", int, "", "1 of the layer that the verdict is about"),
    Field("verdict", str, "", "vanishing, exploding or steady (Q12)"),
    Field("cause", str, "", "what carries most of it (Q12)"),
    Field("needed_lag", int, "steps", "the lag that the verdict is about (Q12)"),
    Field("horizon", int, "steps", "lags 0 .. horizon hold 95 % of Σ‖G_k‖ (Q8)"),
    Field("log10_attenuation", float, "log10", "signal at the needed lag over that at the first (Q12)"),
    Field("rate", float, "ln per step", "mean growth of the signal per step back, up to the horizon (Q8)"),
    Field("window", int, "steps", "shortest sliding window with at most 5 % bias (Q10)"),
    Field("chunks", int, "steps", "shortest chunks with at most 5 % bias (Q10)"),
    Field("lyapunov", float, "ln per step", "largest Lyapunov exponent λ₁ (Q11)"),
    Field("lyapunov_stderr", float, "ln per step", "its standard error"),
    Field("carry_strength", float, "1", "what the carry passes on of the error per step, along the error (Q9)"),
    Field("carry_share", float, "1", "part of the signal that goes that way (Q9)"),
    Field("cancellation", float, "1", "Σ‖G_k‖ / ‖dW‖ (Q8)"),
    Field("log10_whole", float, "log10", "size of the whole gradient, log10 ‖dW‖_F"),
    Field("residual", float, "1", "‖Σ G_k - dW‖ / ‖dW‖"),
    Field("E", float, "", "loss on the batch"),
)  # fmt: skip


def table(stages: Stages, what: str, title: str) -> Table:
    """One of the tables.

    Args:
        stages: (name, diagnosis) at different times.
        what: a name of ``TABLES``.
        title: of the report.
    """
    made = TABLES[what](stages)
    about = {"title": title, "table": what, "made_by": f"bptt {__version__}"}
    return Table(made.fields, made.values, made.axes, about)


def _lags(stages: Stages) -> Table:
    return _of_layers(stages, lambda layer: layer.profile.table(), LAG_FIELDS)


def _exponents(stages: Stages) -> Table:
    return _of_layers(
        stages, lambda layer: None if layer.exponents is None else layer.exponents.table(), EXPONENT_FIELDS,
    )  # fmt: skip


def _parameters(stages: Stages) -> Table:
    numbers = tuple(each for each in LAG_FIELDS if each.name in ("lag", "log10_norm", "share"))
    fields = (Field("parameter", str, "", "name of the parameter of the step"), *numbers)

    def of(layer: RecurrenceDiagnosis) -> Table | None:
        return parameter_table(layer.profile) if isinstance(layer, StateDiagnosis) else None

    return _of_layers(stages, of, fields)


def _memory(stages: Stages) -> Table:
    some = [
        ({"stage": stage}, diagnosis.memory.table())
        for stage, diagnosis in stages
        if diagnosis.memory is not None
    ]
    return Table((STAGE, *MEMORY_FIELDS), _filled(some, (STAGE, *MEMORY_FIELDS)), ("stage", "lag"))


def _layers(stages: Stages) -> Table:
    rows = [
        {"stage": stage, "layer": name, **layer_numbers(diagnosis, layer)}
        for stage, diagnosis in stages
        for name, layer in diagnosis.layers.items()
    ]
    fields = (STAGE, LAYER, *LAYER_FIELDS)
    values = {each.name: arranged(each.kind, (row[each.name] for row in rows)) for each in fields}
    return Table(fields, values, ("stage", "layer"))


def layer_numbers(diagnosis: Diagnosis, layer: RecurrenceDiagnosis) -> dict[str, Any]:
    """A layer in a row, by the names of ``LAYER_FIELDS``."""
    profile, exponents = layer.profile, layer.exponents
    found = exponents is not None and len(exponents.exponents) > 0
    return {
        "kind": layer.kind,
        "decides": int(layer is diagnosis.decisive),
        "verdict": layer.verdict,
        "cause": layer.cause.name,
        "needed_lag": layer.needed_lag,
        "horizon": layer.horizon,
        "log10_attenuation": layer.log10_attenuation,
        "rate": layer.rate,
        "window": profile.shortest_truncation(),
        "chunks": profile.shortest_truncation(chunked=True),
        "lyapunov": exponents.exponents[0] if exponents is not None and found else None,
        "lyapunov_stderr": exponents.stderr[0] if exponents is not None and found else None,
        "carry_strength": layer.carry_strength,
        "carry_share": layer.carry_share,
        "cancellation": profile.cancellation,
        "log10_whole": profile.log10_whole,
        "residual": profile.residual,
        "E": diagnosis.E,
    }


def _of_layers(
    stages: Stages, of: Callable[[RecurrenceDiagnosis], Table | None], fields: tuple[Field, ...]
) -> Table:
    """The tables of all layers below one another."""
    some = [
        ({"stage": stage, "layer": name}, made)
        for stage, diagnosis in stages
        for name, layer in diagnosis.layers.items()
        if (made := of(layer)) is not None
    ]
    there = {name for _, made in some for name in made.names}
    known = (STAGE, LAYER, *(each for each in fields if each.name in there or not some))
    axes = some[0][1].axes if some else (fields[0].name,)
    return Table(known, _filled(some, known), ("stage", "layer", *axes))


def _filled(
    some: list[tuple[dict[str, str], Table]], fields: tuple[Field, ...]
) -> Mapping[str, Any]:
    """The columns, empty ones where nothing was measured."""
    return stacked(some) if some else {each.name: [] for each in fields}


TABLES: dict[str, Callable[[Stages], Table]] = {
    "lags": _lags,
    "layers": _layers,
    "exponents": _exponents,
    "memory": _memory,
    "parameters": _parameters,
}


def dataset(stages: Stages, title: str) -> Any:
    """All of them in one ``xarray.Dataset``; names that two of them share begin with the table's.

    Raises:
        OptionError: if xarray is missing.
    """
    made = {what: table(stages, what, title) for what in TABLES}
    parts = [
        (what, part.to_xarray()) for what, part in made.items() if len(part) and len(part.fields)
    ]
    seen: set[str] = set()
    renamed = []
    for what, part in parts:
        twice = {name: f"{what}_{name}" for name in part.data_vars if name in seen}
        seen |= set(part.data_vars)
        renamed.append(part.rename(twice))
    whole = renamed[0]
    for part in renamed[1:]:
        whole = whole.merge(part, join="outer", combine_attrs="override")
    whole.attrs = {"title": title, "made_by": f"bptt {__version__}"}
    return whole


def truncating(diagnosis: Diagnosis) -> dict[str, dict[str, Any]]:
    """What truncating behind each lag costs in each layer, by the names of the table's columns."""
    costs = [each.name for each in LAG_FIELDS if each.name.startswith(("bias_", "cosine_"))]
    tables = {name: layer.profile.table() for name, layer in diagnosis.layers.items()}
    return {name: {cost: made.values[cost] for cost in costs} for name, made in tables.items()}
