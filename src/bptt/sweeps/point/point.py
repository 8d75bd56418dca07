"""One point measured: a configuration in, a row of numbers and words out.

A row depends on nothing but the configuration, the library's version and, in the last bits, the processor's
instruction set: not on the engine, the number of threads or what was measured before.
"""

import time
from typing import Any

from bptt.configuration import Built
from bptt.data.tasks import Task
from bptt.diagnosis import Diagnosis, diagnose_network
from bptt.errors import DivergenceError
from bptt.report.tidy import layer_numbers
from bptt.sweeps.plan.plan import Point
from bptt.sweeps.point.curves import packed
from bptt.sweeps.point.exponent import settled
from bptt.training import Adam, train
from bptt.version import __version__

Row = dict[str, Any]
BIAS = 0.05  # relative, of the gradient, that truncation may cost


def measured(point: Point) -> Row:
    """Measure a point; one that cannot be measured gives a row with its error.

    Returns:
        the configuration, "version", "status" ("ok" or "failed"), "error", and by the names of
        ``rows.MEASURES`` what was measured; None where there is no number. "by_layer" is a list of a dict for each layer, by
        the names of ``rows.LAYERS``, and "curves", its curves by lag as ``curves.packed`` makes them.
    """
    began, row = time.perf_counter(), _begun(point)
    try:
        built = point.setting.build()
        row |= _measures(built, point)
        if point.train_updates:
            row |= _trained(built, point)
    except Exception as error:  # whatever it is: the sweep goes on, and the row says it
        row |= {"status": "failed", "error": _first_line(error)}
    return row | {"seconds": time.perf_counter() - began}


def lost(point: Point, error: Exception) -> Row:
    """The row of a point whose worker does not live to measure it."""
    return _begun(point) | {"status": "failed", "error": _first_line(error)}


def _begun(point: Point) -> Row:
    row: Row = {"key": point.key, "version": __version__, "status": "ok", "error": None}
    return row | point.configuration


def _measures(built: Built, point: Point) -> Row:
    diagnosis = diagnose_network(built.network, built.batch, built.needed_lag)
    layer = diagnosis.decisive
    layers = _layers(built, point, diagnosis)
    largest = next(each for each in layers if each["layer"] == layer.name)
    return {
        "layer": layer.name,
        "lyapunov": largest["lyapunov"],
        "lyapunov_stderr": largest["lyapunov_stderr"],
        "rate": _number(layer.rate),
        "horizon": layer.horizon,
        "log10_attenuation": _number(layer.log10_attenuation),
        "needed_lag": layer.needed_lag,
        "verdict": layer.verdict,
        "cause": layer.cause.name,
        "truncation": layer.profile.shortest_truncation(BIAS),
        "memory": _number(diagnosis.remembered),
        "E": _number(diagnosis.E),
        "residual": _number(layer.profile.residual),
        "by_layer": layers,
    }


def _layers(built: Built, point: Point, diagnosis: Diagnosis) -> list[Row]:
    """Every layer in a row, with its curves by lag in bytes."""
    found, rows = settled(built.network, built.batch, point.setting.seed), []
    for name, layer in diagnosis.layers.items():
        row = {
            k: _number(v) if isinstance(v, float) else v
            for k, v in layer_numbers(diagnosis, layer).items()
        }
        row |= {"layer": name, "lyapunov": None, "lyapunov_stderr": None, "isometry": None}
        if found is not None:
            exponents, spread = found[name]
            row["lyapunov"], row["lyapunov_stderr"] = (
                _number(exponents.exponents[0]),
                _number(exponents.stderr[0]),
            )
            row["isometry"] = _number(spread)
        rows.append(row | {"curves": packed(layer.profile.table())})
    return rows


def _trained(built: Built, point: Point) -> Row:
    """Loss and score after training; a run that diverges has neither, and has not solved the task."""
    data, lr = built.data, point.lr or 0.0
    is_task = isinstance(data, Task)
    try:
        result = train(
            built.network, data, updates=point.train_updates, length=point.setting.length,
            optimiser=Adam(lr), seed=point.setting.seed,
        )  # fmt: skip
    except DivergenceError as error:
        return {"solved": 0 if is_task else None, "error": _first_line(error)}
    return {
        "loss": _number(result.history[-1][1]),
        "score": _number(result.score),
        "solved": int(data.reached(result.score)) if isinstance(data, Task) else None,
    }


def _number(value: Any) -> float | None:
    """A float as a database holds it: None stands for NaN."""
    number = float(value)
    return None if number != number else number


def _first_line(error: Exception) -> str:
    """The kind of error and its first line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
