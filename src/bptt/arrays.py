"""Arrays at the door: what comes in is made a NumPy array of a known shape and type, or refused.

Anything with ``__array__`` or DLPack is taken. Floating-point arrays stay in the type they came
in (float32 or float64); Python numbers and lists become the type that is asked for.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bptt.errors import DTypeError, NonFiniteError, OptionError, ShapeError

Array = npt.NDArray[Any]
T = TypeVar("T")
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def as_floats(
    name: str, value: Any, shape: Sequence[int | str], dtype: npt.DTypeLike | None = None
) -> Array:
    """A finite float32 or float64 array of the shape that is wanted.

    Args:
        name: the argument's name, for the error.
        value: an array, or anything NumPy can read as one.
        shape: one entry per axis: an int is the size wanted, a letter takes any size from 1.
        dtype: the type wanted; None takes float32 or float64 as it comes.

    Returns:
        the array, C-contiguous; not copied where it already is what is wanted.

    Raises:
        ShapeError: if the shape differs, or an axis is empty.
        DTypeError: if it is not of floating-point type, or of another one than ``dtype``.
        NonFiniteError: if it holds NaN or infinity.
    """
    typed = hasattr(value, "dtype")
    array = as_array(name, value)
    if not typed and array.dtype.kind in "iufb":  # a list of numbers has no type of its own
        array = array.astype(dtype or np.float64)
    if array.dtype not in FLOATS:
        raise DTypeError(
            name, "float32 or float64", str(array.dtype), f"Convert it: {name}.astype('float32')."
        )
    if dtype is not None and array.dtype != np.dtype(dtype):
        wanted = str(np.dtype(dtype))
        raise DTypeError(
            name, f"{wanted}, as the weights are", str(array.dtype),
            f"Convert one of the two: {name}.astype('{wanted}').",
        )  # fmt: skip
    check_shape(name, array, shape)
    if not np.isfinite(array).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise NonFiniteError(
            name, "finite numbers", f"{array[first]} at index {first}",
            "Look where it first appears: a division by zero, an overflow or a missing value.",
        )  # fmt: skip
    return np.ascontiguousarray(array)


def as_classes(name: str, value: Any, shape: Sequence[int | str], classes: int) -> Array:
    """Class labels 0 .. classes-1 as an integer array of the shape that is wanted.

    Args:
        name: the argument's name, for the error.
        value: an array of integers.
        shape: as for ``as_floats``.
        classes: how many there are.

    Raises:
        DTypeError: if it is not an array of integers.
        ShapeError: if the shape differs.
        OptionError: if a label is outside 0 .. classes-1.
    """
    array = as_array(name, value)
    if array.dtype.kind not in "iu":
        raise DTypeError(
            name, "integer class labels", str(array.dtype),
            "Pass one label per step, not one-hot rows; or use the loss 'mse' for numbers.",
        )  # fmt: skip
    check_shape(name, array, shape)
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= classes:
        raise OptionError(
            name, f"labels from 0 to {classes - 1}", f"labels from {low} to {high}",
            "Use a readout with one output per class, or renumber the labels.",
        )  # fmt: skip
    return array.astype(np.intp)


def as_whole(name: str, value: Any, least: int, most: int | None = None, cure: str = "") -> int:
    """A whole number: an int, or a float that is whole, as NumPy users expect.

    Args:
        name: the argument's name, for the error.
        value: what came. True and False are no numbers here.
        least: the smallest that is allowed.
        most: the largest; None for no limit.
        cure: a sentence that says what to do about it; a general one if empty.

    Raises:
        OptionError: if it is not a whole number from ``least`` to ``most``.

    >>> as_whole("max_lag", 3.0, least=0)
    3
    """
    number: int | None = None
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        number = int(value)
    elif isinstance(value, float | np.floating) and float(value).is_integer():
        number = int(value)
    if number is None or number < least or (most is not None and number > most):
        end = "" if most is None else f" to {most}"
        raise OptionError(
            name, f"a whole number from {least}{end}", repr(value),
            cure or f"Pass a whole number, for example {name}={least}.",
        )  # fmt: skip
    return number


def as_number(name: str, value: Any, interval: str = "(-∞, ∞)", cure: str = "") -> float:
    """A real number within an interval.

    Args:
        name: the argument's name, for the error.
        value: what came: an int, a float or NumPy's. True and False are no numbers here.
        interval: "[0, 1)" takes 0 and not 1; "∞" and "-∞" stand for no limit.
        cure: a sentence that says what to do about it; a general one if empty.

    Raises:
        OptionError: if it is not a number in the interval; NaN never is.

    >>> as_number("p", 0.95, "(0, 1]")
    0.95
    """
    low, high = (float(end.replace("∞", "inf")) for end in interval[1:-1].split(","))
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:  # a whole number of Python has no end
            number = float("nan")
        above = low < number or (interval[0] == "[" and number == low)
        if above and (number < high or (interval[-1] == "]" and number == high)):
            return number
    words = {
        "(-∞, ∞)": "a finite number", "(0, ∞)": "a positive number", "(0, ∞]": "a positive number",
        "[0, ∞)": "a number from 0",
    }  # fmt: skip
    raise OptionError(
        name, words.get(interval, f"a number in {interval}"), repr(value),
        cure or f"Pass a number as {name}.",
    )  # fmt: skip


def as_choice(name: str, value: Any, choices: Iterable[str], cure: str = "Choose one.") -> str:
    """A name out of some.

    Args:
        name: the argument's name, for the error.
        value: what came.
        choices: the names that there are.
        cure: a sentence that says what to do about it.

    Raises:
        OptionError: if it is none of them.
    """
    names = tuple(choices)
    if not (isinstance(value, str) and value in names):
        raise OptionError(name, "one of " + ", ".join(names), repr(value), cure)
    return value


def as_flag(name: str, value: Any) -> bool:
    """True or False.

    Raises:
        OptionError: if it is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise OptionError(name, "True or False", repr(value), f"Pass {name}=True, or leave it out.")
    return bool(value)


def as_kind(name: str, value: T, kinds: type | tuple[type, ...], what: str, cure: str) -> T:
    """An object of a class, or of one of some.

    Args:
        name: the argument's name, for the error.
        value: what came.
        kinds: the classes.
        what: they are, in words.
        cure: a sentence that says what to do about it.

    Raises:
        OptionError: if it is of none of them.
    """
    if not isinstance(value, kinds):
        plain = value is None or isinstance(value, str | bytes | int | float | complex)
        raise OptionError(name, what, repr(value) if plain else type(value).__name__, cure)
    return value


def memory() -> int:
    """Bytes of this machine's memory; what an address can name where the system does not say."""
    pages = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")
    if hasattr(os, "sysconf") and set(pages) <= set(os.sysconf_names):
        return os.sysconf(pages[0]) * os.sysconf(pages[1])
    return 1 << 47


def check_memory(name: str, value: Any, size: int) -> None:
    """Refuse a size that no memory of this machine could hold.

    Args:
        name: of the argument that makes it so large.
        value: that came.
        size: bytes.

    Raises:
        OptionError: if there is less memory.
    """
    there = memory()
    if size > there:
        raise OptionError(
            name, f"sizes that fit into the memory, {there / 1e9:.3g} GB",
            f"{value}, which asks for 10^{len(str(size)) - 1} bytes", "Choose a smaller number.",
        )  # fmt: skip


def check_shape(name: str, array: Array, shape: Sequence[int | str]) -> None:
    """Refuse an array whose axes are not those of ``shape`` (letters stand for any size from 1).

    Args:
        name: the argument's name, for the error.
        array: what came.
        shape: an int per axis, or a letter for any size from 1.

    Raises:
        ShapeError: naming the shape expected and the one that came.
    """
    wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    if array.ndim != len(shape):
        raise ShapeError(
            name, f"shape {wanted}", f"{array.ndim} axes, {array.shape}",
            "Axes are time first, then batch, then features." if len(shape) == 3
            else "Check how the array was built.",
        )  # fmt: skip
    for size, want in zip(array.shape, shape, strict=True):
        if size == 0:
            raise ShapeError(
                name,
                f"shape {wanted}",
                f"an empty axis, {array.shape}",
                "Pass at least one entry along every axis.",
            )
        if isinstance(want, int) and size != want:
            raise ShapeError(
                name, f"shape {wanted}", str(array.shape),
                "Transpose or cut it, or use a layer of other sizes.",
            )  # fmt: skip


def squares(D: Array) -> Array:
    """Σ_h D² per row; float32 rows that would leave its range are summed in float64."""
    s = np.einsum("...h,...h->...", D, D)
    if D.dtype == np.float32 and s.size and not (s.min() > 1e-30 and s.max() < 1e38):
        doubtful = ~((s > 1e-30) & (s < 1e38))
        s = s.astype(np.float64)
        s[doubtful] = np.square(D[doubtful], dtype=np.float64).sum(-1)
    return np.asarray(s)


def as_array(name: str, value: Any) -> Array:
    """Through ``__array__`` or DLPack, whichever the object has; in this machine's order of bytes.

    Raises:
        DTypeError: if nothing makes an array of it.
    """
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        array = np.asarray(value)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    except (RuntimeError, TypeError, ValueError, BufferError) as error:
        raise DTypeError(
            name, "an array of numbers", f"{type(value).__name__} ({error})",
            "Pass a NumPy array; of a tensor that carries a gradient, tensor.detach().cpu().",
        ) from error  # fmt: skip


def rows_with_any(d: Array) -> Array:
    """(T, B) whether anything of (T, B, ·) is not zero, ``d.any(-1)``, fast where most steps are zero as a whole."""
    some = np.zeros(d.shape[:2], bool)
    steps = np.flatnonzero((d != 0).any((1, 2)))
    some[steps] = d[steps].any(-1)
    return some
