"""An axis of a sweep: the values that one field of a configuration takes.

    [0.5, 1, 2]      just these; in one string "0.5,1,2"
    "0.5:3:26"       26 values from 0.5 to 3, both included, at equal distances
    "log:8:512:7"    7 values from 8 to 512, at equal ratios
    "0:4"            for a field of whole numbers each from 0 to 4; for others a range to draw from at random

``Values`` and ``Range`` are the two forms that these strings become.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

import numpy as np

from bptt.arrays import as_whole
from bptt.cells.activations import ACTIVATIONS, ALIASES
from bptt.cells.initialise import SCHEMES
from bptt.configuration import Configuration
from bptt.errors import OptionError
from bptt.layers.kinds import KINDS

Value = Any  # of a field: a number, a word or None
_HINTS = get_type_hints(Configuration)
NAMES = tuple(field.name for field in fields(Configuration))
# What a word may be: a typo must not cost a sweep.
CHOICES: dict[str, tuple[str, ...]] = {
    "cell": tuple(KINDS),
    "activation": (*ACTIVATIONS, *ALIASES),
    "init": tuple(SCHEMES),
    "loss_at": ("last", "every"),
    "dtype": ("float32", "float64"),
}
# And what a number is at least: a point that no network can be made of must not cost one either.
LEAST = {"hidden": 1, "layers": 1, "batch": 1, "length": 1, "seed": 0, "input_variance": 0}
EXPECTED = "values (0.5,1,2) or a range (0.5:3:26, log:8:512:7)"


@dataclass(frozen=True)
class Values:
    """Just these.

    Attributes:
        values: of the field's type.
    """

    values: tuple[Value, ...]

    def on_grid(self) -> tuple[Value, ...]:
        """All of them."""
        return self.values

    def drawn(self, rng: np.random.Generator) -> Value:
        """One of them, each as likely."""
        return self.values[rng.integers(len(self.values))]


@dataclass(frozen=True)
class Range:
    """Numbers from start to stop.

    Attributes:
        name: of the field.
        start: the first.
        stop: the last.
        count: how many on a grid; None: every whole number.
        log: at equal ratios instead of equal distances.

    >>> Range("gain", 0.5, 1.5, 3).on_grid()
    (0.5, 1.0, 1.5)
    """

    name: str
    start: float
    stop: float
    count: int | None = None
    log: bool = False

    def on_grid(self) -> tuple[Value, ...]:
        """The values on a grid, each once.

        Raises:
            OptionError: if there is no count and the field is not one of whole numbers.
        """
        whole = is_whole(self.name)
        count = self.count
        if count is None:
            if self.log or not whole:
                start, stop = f"{self.start:g}", f"{self.stop:g}"
                raise OptionError(
                    self.name, "start:stop:count, both ends included", f"'{start}:{stop}'",
                    f"Write {'log:' * self.log}{start}:{stop}:11 for 11 values, {start},{stop} for these two, or draw points at "
                    "random (sample=500).",
                )  # fmt: skip
            count = int(self.stop) - int(self.start) + 1
        space = np.geomspace if self.log else np.linspace
        values = [_rounded(value, whole) for value in space(self.start, self.stop, count)]
        return tuple(dict.fromkeys(values))

    def drawn(self, rng: np.random.Generator) -> Value:
        """One number between start and stop, uniform, or its logarithm uniform."""
        whole = is_whole(self.name)
        if whole and not self.log:
            return int(rng.integers(int(self.start), int(self.stop) + 1))
        if self.log:
            return _rounded(np.exp(rng.uniform(np.log(self.start), np.log(self.stop))), whole)
        return _rounded(rng.uniform(self.start, self.stop), whole)


Axis = Values | Range


def as_axis(name: str, spec: Any) -> Axis:
    """An axis from whatever stands for one: a string, a value, values, or an axis.

    Args:
        name: a field of ``Configuration``.
        spec: in one of the forms above.

    Raises:
        OptionError: if there is no such field, no value, or one that the field cannot have.

    >>> as_axis("hidden", "log:8:32:3").on_grid()
    (8, 16, 32)
    >>> as_axis("cell", "rnn,lstm")
    Values(values=('rnn', 'lstm'))
    """
    if name not in NAMES:
        raise OptionError("axes", "one of " + ", ".join(NAMES), repr(name), "Choose one.")
    if isinstance(spec, Range):
        return _checked(replace(spec, name=name))
    if isinstance(spec, Values):
        spec = spec.values
    if isinstance(spec, str):
        if ":" in spec and is_number(name):
            return _range_of(name, spec)
        spec = [word.strip() for word in spec.split(",")] if spec.strip() else []
    elif spec is None or not isinstance(spec, Iterable):
        spec = [spec]
    values = tuple(dict.fromkeys(canonical(name, value) for value in spec))
    if not values:
        raise OptionError(name, "at least one value", "none", f"Pass {EXPECTED}.")
    return Values(values)


def canonical(name: str, value: Any) -> Value:
    """A value in the one form that it is known by: 1 of a gain is 1.0, "none" is None.

    Raises:
        OptionError: if the field cannot have it.
    """
    hint = _HINTS[name]
    optional = hint not in (str, int, float)
    if optional and (value is None or value == "none"):
        return None
    if hint == bool | None:
        if isinstance(value, bool):
            return value
        raise OptionError(name, 'true, false or "none"', repr(value), "Choose one.")
    if not is_number(name):
        choices = CHOICES.get(name)
        if isinstance(value, str) and (value in choices if choices else value):
            return str(value)
        expected = "one of " + ", ".join(choices) if choices else "a name"
        raise OptionError(name, expected, repr(value), "Choose one.")
    whole = is_whole(name)
    expected = "a whole number" if whole else "a finite number"
    try:
        number = float(value)
        if isinstance(value, bool | np.bool_) or not np.isfinite(number):
            raise ValueError
        if whole and (number != int(number) or abs(number) > 2**53):
            raise ValueError
    except (TypeError, ValueError):
        expected += ', or "none"' if optional else ""
        raise OptionError(name, expected, repr(value), f"Pass {EXPECTED}.") from None
    least = LEAST.get(name)
    if least is not None and number < least:
        expected = "a whole number" if whole else "a number"
        raise OptionError(name, f"{expected} from {least}", f"{number:g}", f"Pass {least} or more.")
    return int(number) if whole else number + 0.0  # -0.0 is 0.0


def is_whole(name: str) -> bool:
    """Whether the field is a whole number."""
    return _HINTS[name] is int


def is_number(name: str) -> bool:
    """Whether the field is a number."""
    return _HINTS[name] in (int, float, float | None)


def _range_of(name: str, words: str) -> Range:
    log = words.startswith("log:")
    parts = words.removeprefix("log:").split(":")
    try:
        start, stop = (float(part) for part in parts[:2])
        count = int(parts[2]) if len(parts) == 3 else None
        if len(parts) > 3:
            raise ValueError
    except ValueError:
        raise OptionError(name, EXPECTED, repr(words), "Numbers stand between colons.") from None
    return _checked(Range(name, start, stop, count, log))


def _checked(axis: Range) -> Range:
    start, stop = canonical(axis.name, axis.start), canonical(axis.name, axis.stop)
    count = axis.count
    if count is not None:
        count = as_whole(
            f"count of {axis.name}", count, 1, cure="Pass how many values, at least 1."
        )
    if start > stop:
        raise OptionError(
            axis.name, "a start below the stop", f"{start} to {stop}", "Exchange them."
        )
    if axis.log and start <= 0:
        raise OptionError(
            axis.name, "numbers above 0 for equal ratios", f"{start}", "Leave out log."
        )
    return Range(axis.name, start, stop, count, axis.log)


def _rounded(value: Any, whole: bool) -> Value:
    """To twelve digits, so that 0.8 on one grid is 0.8 on another."""
    return round(float(value)) if whole else float(f"{value:.12g}") + 0.0
