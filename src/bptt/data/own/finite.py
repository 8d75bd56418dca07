"""Numbers that can be computed with: neither NaN nor infinity, nor so large that their squares overflow."""

import numpy as np

from bptt.arrays import Array
from bptt.data.own.own import Own
from bptt.errors import FileError

LARGEST = 1e15  # whose squares float32 can still add up


def check_numbers(file: str, own: Own) -> None:
    """Refuse other numbers, in inputs and targets.

    Args:
        file: its name, for the error.
        own: what was read of it.

    Raises:
        FileError: naming the first: its sequence, step and column, counted from 0.
    """
    for key, sequence, target in zip(own.keys, own.sequences, own.targets, strict=True):
        place = _first(sequence)
        if place is not None:
            t, i = place
            _refuse(file, sequence[t, i], f"sequence {key}, step {t}, {_of_inputs(own, i)}")
        place = _first(np.asarray(target))
        if place is not None:
            step = f", step {place[0]}" if place else ""
            _refuse(file, np.asarray(target)[place], f"sequence {key}{step}, {own.target}")


def _of_inputs(own: Own, i: int) -> str:
    return f"column {own.columns[i]}" if len(own.columns) > 1 else own.columns[0]


def _first(numbers: Array) -> tuple[int, ...] | None:
    if np.isfinite(numbers).all() and (numbers.size == 0 or np.abs(numbers).max() <= LARGEST):
        return None
    wrong = ~np.isfinite(numbers) | (np.abs(numbers) > LARGEST)
    return tuple(int(place) for place in np.argwhere(wrong)[0])


def _refuse(file: str, number: float, where: str) -> None:
    word = {"nan": "NaN", "inf": "infinity", "-inf": "minus infinity"}.get(
        str(float(number)), f"{number:.4g}"
    )
    raise FileError(
        file, f"finite numbers up to {LARGEST:.0e}", f"{word} in {where} (counted from 0)",
        "Fill, drop or rescale it; where sequences are filled up at their ends, save their lengths.",
    )  # fmt: skip
