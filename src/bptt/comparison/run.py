"""One run that is compared: a layer's curves by lag and its numbers, from a report or from a saved one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError, OptionError
from bptt.files import reason
from bptt.gradients.by_lag.lag_table import FIELDS
from bptt.gradients.by_lag.norms import cumulative
from bptt.report import Report

CURVES = tuple(each.name for each in FIELDS if each.name != "lag")
LARGEST = 500_000_000  # bytes of a saved report
NUMBERS = ("horizon", "needed_lag", "log10_attenuation", "rate", "lyapunov")


@dataclass(frozen=True, eq=False)
class Run:
    """One measured layer.

    Attributes:
        layer: its name.
        lags: (K,) the lags that the curves are of.
        curves: (K,) arrays by the names of a profile's table.
        verdict: vanishing, exploding or steady.
        numbers: horizon, needed lag, attenuation, rate, largest exponent; NaN where there is none.
        source: where it came from.
    """

    layer: str
    lags: Array
    curves: Mapping[str, Array]
    verdict: str
    numbers: Mapping[str, float]
    source: str

    def curve(self, what: str) -> Array:
        """(K,) one of the curves.

        Raises:
            OptionError: if the run has none of that name.
        """
        if what not in self.curves:
            raise OptionError(
                "what", "one of " + ", ".join(self.curves), repr(what),
                f"{self.source} has no such curve: choose another, or measure it again.",
            )  # fmt: skip
        return self.curves[what]


def as_run(given: Any, layer: str | None, stage: str | None) -> Run:
    """A run from a report, or from the path of one that was saved as .json.

    Args:
        given: a ``Report``, or a path.
        layer: name of the layer; None is the one that decides.
        stage: "before training" or "after training"; None is the last.

    Raises:
        OptionError: if it is neither, or has no such layer or stage.
        FileError: if the file cannot be read, or is no saved report.
    """
    if isinstance(given, Report):
        return _of_report(given, layer, stage)
    if isinstance(given, str | Path):
        return _of_file(Path(given), layer, stage)
    raise OptionError(
        "reports", "a report, or the path of one saved as .json", type(given).__name__,
        "Pass what bptt.diagnose returned.",
    )  # fmt: skip


def _of_report(report: Report, layer: str | None, stage: str | None) -> Run:
    stages = dict(report.stages())
    diagnosis = _chosen(stages, stage, "stage", report.title)
    name = layer or diagnosis.decisive.name
    found = _chosen(diagnosis.layers, name, "layer", report.title)
    table = found.profile.table()
    exponents = found.exponents
    largest = None if exponents is None or not len(exponents.exponents) else exponents.exponents[0]
    numbers = {each: getattr(found, each, None) for each in NUMBERS} | {"lyapunov": largest}
    curves = {each: np.asarray(table.values[each]) for each in table.names if each != "lag"}
    return Run(name, np.array(table.values["lag"]), curves, found.verdict, _floats(numbers), report.title)  # fmt: skip


def _of_file(path: Path, layer: str | None, stage: str | None) -> Run:
    expected = "a report saved as .json"
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(str(path), expected, "a larger file", "Check the path.")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "no text"
        raise FileError(str(path), expected, why, "Check the path.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise FileError(
            str(path), expected, "no JSON", "Save one by report.save('a.json')."
        ) from error
    try:
        return _of_document(document, layer, stage, str(path))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(
            str(path), expected, "other JSON", "Save one by report.save('a.json')."
        ) from error


def _of_document(document: Any, layer: str | None, stage: str | None, source: str) -> Run:
    stages = document["stages"]
    name = stage or list(stages)[-1]
    diagnosis = _chosen(stages, name, "stage", source)
    of = layer or document["decides"][name]
    found = _chosen(diagnosis["layers"], of, "layer", source)
    profile = found["profile"] | document["truncating"][name][of]
    K = len(profile["log10_norm"])
    curves = {}
    for each in CURVES:
        values = profile.get(each)
        if isinstance(values, list) and len(values) in (K, K - 1):
            nothing = -np.inf if each.startswith("log10") else np.nan
            row = [nothing if v is None else float(v) for v in values]
            curves[each] = np.array(row + [np.nan] * (K - len(row)))
    curves["cumulative"] = cumulative(curves["log10_norm"])
    exponents = (found.get("exponents") or {}).get("exponents") or [None]
    numbers = {each: found.get(each) for each in NUMBERS} | {"lyapunov": exponents[0]}
    ordered = {each: curves[each] for each in CURVES if each in curves}
    return Run(of, np.arange(K), ordered, str(found["verdict"]), _floats(numbers), source)


def _chosen(some: Mapping[str, Any], name: str | None, what: str, source: str) -> Any:
    """An entry by name; the last if None."""
    if name is None:
        name = list(some)[-1]
    if name not in some:
        raise OptionError(
            what, "one of " + ", ".join(some), repr(name), f"These are what {source} has."
        )
    return some[name]


def _floats(numbers: Mapping[str, Any]) -> dict[str, float]:
    return {k: float("nan") if v is None else float(v) for k, v in numbers.items()}
