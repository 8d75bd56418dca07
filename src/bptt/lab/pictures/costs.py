"""Pictures of the Lyapunov exponents, and of what is forgotten by truncating."""

from functools import cache
from typing import Any

import numpy as np

from bptt.lab.measured import Measured
from bptt.lab.pictures.base import Picture, note_rows, spec_of, with_note
from bptt.presentation.chart_style import Rows, fed
from bptt.presentation.formatting import with_error
from bptt.report.charts.exponents import ZERO, exponent_points, exponent_rows
from bptt.report.charts.truncation import (
    BIAS,
    CHUNKS,
    LEVEL,
    WINDOW,
    truncation_curves,
    truncation_rows,
)

TOO_SHORT = "The sequences are too short to measure them: fewer than 20 steps."
NONE_FINITE = "No number: one step wipes out every difference between two states."
NO_GRADIENT = "The gradient of W_R is zero: there is nothing to lose."
VALUES_OF_K = 60


@cache
def _exponents() -> dict[str, Any]:
    return spec_of(with_note(exponent_points(fed)))


def _exponents_rows(shown: Measured) -> Rows:
    measured = shown.exponents
    rows = exponent_rows(measured)
    reason = TOO_SHORT if measured is None else NONE_FINITE
    return {"exponents": rows, "zero": ZERO, **note_rows(reason, rows)}


def _exponents_sentence(shown: Measured) -> str:
    measured = shown.exponents
    if measured is None:
        return f"Lyapunov exponents. {TOO_SHORT}"
    if not np.isfinite(measured.exponents[0]):
        return f"Lyapunov exponents. {NONE_FINITE}"
    largest = with_error(measured.exponents[0], measured.stderr[0])
    return f"Lyapunov exponents: the largest is {largest} per step."


exponents = Picture("exponents", lambda shown: _exponents(), _exponents_rows, _exponents_sentence)


@cache
def _truncation() -> dict[str, Any]:
    return spec_of(with_note(truncation_curves(fed)))


def _truncation_rows(shown: Measured) -> Rows:
    rows = truncation_rows(shown.layer.profile, most=VALUES_OF_K)
    return {"lines": rows, "level": LEVEL, **note_rows(NO_GRADIENT, rows)}


def _truncation_sentence(shown: Measured) -> str:
    profile = shown.layer.profile
    if not np.isfinite(profile.log10_whole):
        return f"What truncating costs. {NO_GRADIENT}"
    window, chunks = (profile.shortest_truncation(BIAS, chunked) for chunked in (False, True))
    shortest = [
        f"{name}: {'no K up to the length is enough' if K is None else f'K = {K}'}"
        for name, K in ((WINDOW, window), (CHUNKS, chunks))
    ]
    return f"What truncating costs. The shortest K for a bias of 5 %: {'; '.join(shortest)}."


truncation = Picture(
    "truncation", lambda shown: _truncation(), _truncation_rows, _truncation_sentence
)
