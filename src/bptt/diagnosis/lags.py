"""The lag that the task needs, of every layer, and the largest that is computed: checked, and said in words.

A layer is judged at the lag that the user named. If nobody named one it is half of the layer's own steps, counted
from the first lag at which the loss reaches it: 0, but for an encoder whose final state starts a decoder. A layer
that is too short for the lag that was named is judged at half of its own steps too.
"""

from collections.abc import Sequence

from bptt.arrays import as_whole
from bptt.errors import OptionError, ShapeError
from bptt.gradients.by_lag import Signal
from bptt.layers import Trace
from bptt.presentation.formatting import counted


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


def own_steps(trace: Trace | int) -> int:
    """Steps of the longest sequence of a layer, of which a trace or that very number is known."""
    if isinstance(trace, int):
        return trace
    return len(trace.x) if trace.lengths is None else int(trace.lengths.max())


def needed_lags(
    needed_lag: int | None,
    traces: Sequence[Trace | int],
    profiles: Sequence[Signal],
    max_lag: int | None = None,
) -> list[int]:
    """The lag that each layer is judged at.

    Args:
        needed_lag: how far back the task needs the gradient to reach, in steps; None if nobody says.
        traces: the forward pass of each layer, or how many steps it has.
        profiles: the gradient by lag of each, or the signal alone.
        max_lag: the largest lag that was computed; None for all of them.
    """
    lags = []
    for trace, profile in zip(traces, profiles, strict=True):
        steps, first = own_steps(trace), profile.first_lag
        past = max(first + steps, len(profile.lags))  # with the steps of the calls behind it
        if needed_lag is not None and needed_lag < past:
            lags.append(max(int(needed_lag), first))
        else:
            half = first + steps // 2
            lags.append(half if max_lag is None else min(half, int(max_lag)))
    return lags


def assumed_lags(
    needed_lag: int | None,
    names: Sequence[str],
    traces: Sequence[Trace | int],
    profiles: Sequence[Signal],
    needed: Sequence[int],
) -> tuple[str, ...]:
    """Where the lags come from that the layers are judged at, in sentences; the first is about the task.

    Args:
        needed_lag: as the user gave it; None if nobody said.
        names: of the layers.
        traces: the forward pass of each, or how many steps it has.
        profiles: the gradient by lag of each, or the signal alone.
        needed: the lag that each is judged at, from ``needed_lags``.
    """
    late = {
        name: profile.first_lag
        for name, profile in zip(names, profiles, strict=True)
        if profile.first_lag
    }
    begins = tuple(
        f"The loss reaches {name} from lag {first} on: its signal is compared with that at lag {first}."
        for name, first in late.items()
    )
    if needed_lag is None:
        return (_assumed(names, needed, plain=not late), *begins)
    short = (
        f"{name} has {counted(own_steps(trace), 'step')}, too few for lag {needed_lag}: "
        f"it is judged at lag {lag}, half of them{f' behind lag {late[name]}' if name in late else ''}."
        for name, trace, lag in zip(names, traces, needed, strict=True)
        if lag < needed_lag
    )
    return (f"The task needs lag {int(needed_lag)}, as you said.", *short, *begins)


def _assumed(names: Sequence[str], needed: Sequence[int], plain: bool) -> str:
    """What was taken for granted because nobody named a lag."""
    excused = "If it needs less, a short horizon is not a problem."
    if plain and len(set(needed)) == 1:
        return (
            f"The task is assumed to need lag {needed[0]}, half the sequence, because no needed lag was "
            f"given. {excused}"
        )
    lags = ", ".join(f"lag {lag} of {name}" for name, lag in zip(names, needed, strict=True))
    return (
        "The task is assumed to need half of each layer's own steps, because no needed lag was given: "
        f"{lags}. {excused}"
    )
