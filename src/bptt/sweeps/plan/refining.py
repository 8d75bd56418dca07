"""More points where they say most: half-way between neighbours of which λ₁ has different signs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from bptt.errors import OptionError
from bptt.sweeps.plan.axes import is_number, is_whole
from bptt.sweeps.plan.plan import Plan, Point

MOST = 30  # rounds: then the distance is one of 10^9


def refined_along(plan: Plan) -> str:
    """The field that is refined: the gain if it varies, else the first number that does.

    Raises:
        OptionError: if no number varies, or points are drawn at random.
    """
    names = [name for name in plan.axes if is_number(name) and not is_whole(name)]
    if plan.sample is not None or not names:
        got = "points drawn at random" if plan.sample is not None else "none"
        raise OptionError(
            "refine", "a number that varies on a grid, such as the gain", got,
            "Vary one, for example gain=0.5:3:6, or leave refine out.",
        )  # fmt: skip
    return "gain" if "gain" in names else names[0]


def between_signs(
    points: Sequence[Point], exponents: Mapping[str, float | None], along: str
) -> list[Point]:
    """A point half-way wherever λ₁ changes its sign between neighbours along a field.

    Args:
        points: that were measured.
        exponents: λ₁ by their keys, None of a point that has none.
        along: the field.
    """
    runs: dict[str, list[tuple[float, float, Point]]] = {}
    for point in points:
        exponent, at = exponents.get(point.key), getattr(point.setting, along)
        if exponent is not None and at is not None:
            others = _moved(point, along, 0.0).key
            runs.setdefault(others, []).append((at, exponent, point))
    added = []
    for run in runs.values():
        for (x0, v0, point), (x1, v1, _) in pairwise(sorted(run, key=lambda each: each[0])):
            middle = float(f"{(x0 + x1) / 2:.12g}")
            if (v0 < 0) != (v1 < 0) and x0 < middle < x1:
                added.append(_moved(point, along, middle))
    return added


def _moved(point: Point, along: str, value: float) -> Point:
    changed: dict[str, Any] = {along: value}
    return replace(point, setting=replace(point.setting, **changed))
