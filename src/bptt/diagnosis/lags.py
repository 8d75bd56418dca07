"""The lag that the task needs, and the largest that is computed: checked, and said in words."""

from bptt.arrays import as_whole
from bptt.errors import OptionError, ShapeError


def needed_or_half(needed_lag: int | None, T: int, max_lag: int | None = None) -> int:
    """The needed lag, checked; half of T steps if none is given.

    Args:
        needed_lag: how far back the task needs the gradient to reach, in steps; None if nobody says.
        T: steps of the longest sequence.
        max_lag: the largest lag that is computed; None for all of them.

    Raises:
        ShapeError: if there is only one step.
        OptionError: if a lag is no whole number, the needed one lies outside the sequence, or it is not
            among those that are computed: nothing could be said about it.
    """
    if T < 2:
        raise ShapeError(
            "x", "at least 2 steps", f"{T}", "Use longer sequences: a single step has no past."
        )
    needed = T // 2
    if needed_lag is not None:
        needed = as_whole(
            "needed_lag", needed_lag, least=0, most=T - 1,
            cure=f"The sequences have {T} steps: use longer ones, or a smaller lag.",
        )  # fmt: skip
    if max_lag is not None and as_whole("max_lag", max_lag, least=0) < needed:
        raise OptionError(
            "max_lag", f"at least the needed lag, {needed}", str(max_lag),
            "Compute more lags, or pass a smaller needed_lag.",
        )  # fmt: skip
    return needed


def assumed_lag(needed_lag: int | None, needed: int) -> str:
    """Where the needed lag comes from, in a sentence."""
    if needed_lag is not None:
        return f"The task needs lag {needed}, as you said."
    return (
        f"The task is taken to need lag {needed}, half the sequence, because no needed lag was "
        "given. If it needs less, a short horizon is no fault."
    )
