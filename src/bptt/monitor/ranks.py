"""Several processes, one dict: each rank measures its own batch, and the figures become one.

numbers                       mean over the ranks that have one
verdict, verdict_code         the worst: exploding before vanishing before steady
first_nonfinite_lag           the smallest
nonfinite                     the largest
first_nonfinite_parameter     of the lowest rank that has one
problem                       all of them, with their ranks

The rank that logs is the first.
"""

from typing import Any

from torch import distributed

from bptt.diagnosis import VERDICT_CODES, VERDICTS
from bptt.errors import BpttError, OptionError
from bptt.monitor.loggers import Figures


def several() -> bool:
    """Whether this is one of several processes that train together."""
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )


def is_first() -> bool:
    """Whether this process is the one that logs."""
    return not several() or distributed.get_rank() == 0


def together(figures: Figures) -> Figures:
    """The figures of all ranks as one; every rank must call it at the same step, and gets the same."""
    return reduced(gathered(figures)) if several() else figures


def refused(error: BpttError | None) -> BpttError | None:
    """What is refused on this rank, or else on another one; every rank must call it, or none.

    Args:
        error: this rank's own.
    """
    reasons = gathered(None if error is None else str(error))
    if error is not None:
        return error
    bad = [f"on rank {rank} {text}" for rank, text in enumerate(reasons) if text is not None]
    if not bad:
        return None
    return OptionError("monitor", "one that every rank can make", "; ".join(bad), "See that rank.")


def gathered(value: Any) -> list[Any]:
    """The values of all ranks; of a process alone its own."""
    if not several():
        return [value]
    of_ranks: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(of_ranks, value)
    return of_ranks


def reduced(of_ranks: list[Figures]) -> Figures:
    """One dict of the ranks' dicts."""
    names = dict.fromkeys(name for figures in of_ranks for name in figures)
    figures: Figures = {name: _one(name, [f.get(name) for f in of_ranks]) for name in names}
    return figures | {"bptt/ranks": len(of_ranks)}


def _one(name: str, values: list[Any]) -> Any:
    there = [(rank, value) for rank, value in enumerate(values) if value is not None]
    if not there:
        return None
    last = name.rpartition("/")[2]
    given = [value for _, value in there]
    if last == "verdict":
        return max(given, key=VERDICTS.index)
    if last == "verdict_code":
        return max(given, key=[VERDICT_CODES[verdict] for verdict in VERDICTS].index)
    if last == "first_nonfinite_lag":
        return min(given)
    if last == "nonfinite":
        return max(given)
    if last == "problem":
        return " ".join(f"Rank {rank}: {text}" for rank, text in there)
    return given[0] if isinstance(given[0], str) else sum(given) / len(given)
