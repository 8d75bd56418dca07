"""What else is asked of the states of a scan: Lyapunov exponents, and what they remember of the inputs (Q11).

Where every unit is multiplied by a number of its own, the Jacobians are diagonal: the exponents are the means of ln |a|.
"""

import numpy as np
import torch
from torch import Tensor

from bptt.dynamics import Exponents, MemoryFunction, memory_of
from bptt.errors import BpttError
from bptt.torch_models.scans.kinds import LinearRecurrence

EXPONENTS, BLOCKS, LEAST = 8, 10, 20  # leading ones; of time, for the standard error; steps
MOST_UNITS = 512  # of a state that a memory function is fitted on


def exponents(recurrence: LinearRecurrence) -> Exponents | None:
    """Leading Lyapunov exponents; None of a kind that is not diagonal, or of too few steps.

    Args:
        recurrence: with its factors.
    """
    if not recurrence.diagonal or recurrence.steps < LEAST:
        return None
    factors = {name: value.detach() for name, value in recurrence.factors.items()}
    ln = recurrence.carry(factors)[:, 1:].abs().double().log()  # nothing comes into the first step
    times = 1
    for size in recurrence.shape[len(ln.shape) - 2 :]:
        times *= size  # what a whole head shares counts for each of its numbers
    for mine, whole in zip(ln.shape[2:], recurrence.shape, strict=False):
        times *= whole // mine
    means = torch.stack([part.mean(1) for part in ln.chunk(BLOCKS, 1)], 1).flatten(2)
    mean = ln.mean((0, 1)).flatten()
    leading = torch.topk(mean, min(EXPONENTS, len(mean))).indices
    spread = means[:, :, leading].flatten(0, 1).std(0) / (means.shape[0] * means.shape[1]) ** 0.5
    numbers, errors = (
        np.repeat(part.cpu().numpy(), times)[:EXPONENTS] for part in (mean[leading], spread)
    )
    if not np.isfinite(numbers).all():
        return None
    return Exponents(numbers, errors, ln.shape[0] * ln.shape[1])


def memory(inputs: Tensor | None, states: Tensor) -> MemoryFunction | None:
    """What can be read off the states of the inputs k steps ago; None where there are too few sequences to tell.

    Args:
        inputs: (B, T, I); None where it is not known what they are.
        states: (B, T, *S).
    """
    h = torch.view_as_real(states) if states.is_complex() else states
    h = h.flatten(2)
    if (
        inputs is None
        or inputs.shape[:2] != h.shape[:2]
        or inputs.dim() != 3
        or h.shape[2] > MOST_UNITS
    ):
        return None
    seen, kept = (part.detach().double().transpose(0, 1).cpu().numpy() for part in (inputs, h))
    try:
        function = memory_of(seen, kept)
    except BpttError:
        return None
    return None if np.isnan(function.r2).all() else function
