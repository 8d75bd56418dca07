"""The columns of a row: what a point is, and what was measured of it, with the type of each."""

from dataclasses import fields
from typing import get_type_hints

from bptt.configuration import Configuration

Column = type[str] | type[int] | type[float]
_HINTS = get_type_hints(Configuration)


def _kind(name: str) -> Column:
    hint = int if _HINTS[name] == bool | None else _HINTS[name]  # a database has no truths
    return next(kind for kind in (str, int, float) if hint in (kind, kind | None))


CONFIGURATION: dict[str, Column] = {f.name: _kind(f.name) for f in fields(Configuration)} | {
    "train_updates": int, "lr": float,
}  # fmt: skip
OUTCOME: dict[str, Column] = {"version": str, "status": str, "error": str}
MEASURES: dict[str, Column] = {
    "layer": str,
    "lyapunov": float,
    "lyapunov_stderr": float,
    "rate": float,
    "horizon": int,
    "log10_attenuation": float,
    "needed_lag": int,
    "verdict": str,
    "cause": str,
    "truncation": int,
    "memory": float,
    "E": float,
    "residual": float,
    "loss": float,
    "score": float,
    "solved": int,
    "seconds": float,
}
COLUMNS: dict[str, Column] = CONFIGURATION | OUTCOME | MEASURES
