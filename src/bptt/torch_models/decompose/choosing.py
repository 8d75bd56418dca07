"""Which sequences and loss steps of a large batch are taken apart by lag, so that it stays within its bounds."""

from collections.abc import Callable

import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag.work import Work
from bptt.torch_models.decompose.bounds import Bounds, Spent
from bptt.torch_models.replay import Portion

FEW = 8  # sequences that are kept before loss steps are left out
FEW_STEPS = 32  # loss steps that are kept before more sequences are left out


def portion_of(
    work: Work, reach: Array, bounds: Bounds, spent: Spent, *, rows: float, one_way: bool
) -> Portion:
    """As much as the bounds allow.

    Args:
        work: what the layers cost.
        reach: (T, B) where an error stands.
        bounds: of the measurement.
        spent: what the measurement takes beside this walk.
        rows: steps of all sequences together.
        one_way: whether loss steps may be left out: where both directions mix they are not told apart.
    """
    T, B = reach.shape
    everything = Portion(np.arange(B), B)
    steps = np.flatnonzero(reach.any(1))
    if bounds.sequences == "all" or not len(steps):
        return everything
    apart = int(np.gcd.reduce(np.diff(steps))) if len(steps) > 1 else 1
    wanted = work.walk(steps, B, bounds.max_lag)
    most = bounds.operations(work.training * rows, wanted, spent)
    room = bounds.bytes(work.bytes_walked * rows / 2, spent)
    fitting = B
    if work.bytes_walked * T * B > room:  # the others are run again beside what is kept
        fitting = int((room / T - work.bytes_run) / work.bytes_walked)
    fitting = max(1, fitting)

    def fits(sequences: int, every: int) -> bool:
        kept = steps[(steps[-1] - steps) % every == 0]
        return work.walk(kept, sequences, bounds.max_lag) <= most

    fixed = isinstance(bounds.sequences, int)
    n = min(B, int(bounds.sequences)) if fixed else fitting  # type: ignore[arg-type]
    if not fixed and not fits(n, 1):
        n = _largest(min(FEW, n), n, lambda count: fits(count, 1))
    per_sequence = reach.sum() / max(1, int(reach.any(0).sum()))
    most_apart = max(1, int(per_sequence) // FEW_STEPS) if one_way else 1
    every = apart * _smallest(most_apart, lambda count: fits(n, apart * count))
    if not fixed:
        n = _largest(1, n, lambda count: fits(count, every))
    if one_way and not fits(n, every):
        every = apart * _smallest(max(1, int(per_sequence)), lambda count: fits(n, apart * count))
    chosen = np.random.default_rng(bounds.seed).permutation(B)[:n]
    return Portion(np.sort(chosen), B, every if every > apart else 1, bounds.seed)


def _largest(least: int, most: int, fits: Callable[[int], bool]) -> int:
    """The largest number that fits; the least if none does."""
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if fits(middle) else (least, middle - 1)
    return least


def _smallest(most: int, fits: Callable[[int], bool]) -> int:
    """The smallest number from 1 that fits; the most if none does."""
    least = 1
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if fits(middle) else (middle + 1, most)
    return least
