"""What must be known to read the memory function: whether the inputs tell themselves over time."""

import numpy as np

from bptt.dynamics import MemoryFunction

CORRELATED = 0.1  # r² of an input with itself: |r| above 0.3
READ = 0.1  # R² from which there is something to read


def remarks_on_memory(memory: MemoryFunction | None, needed: int) -> list[str]:
    """That the inputs are correlated in time, in one sentence; none where they are not, or nothing is read off.

    Args:
        memory: what the state remembers of them, or None.
        needed: the lag that the diagnosis is about.
    """
    if memory is None or needed >= len(memory.r2) or memory.correlated < CORRELATED:
        return []
    if not memory.r2[needed] >= READ:
        return []
    lag = int(np.nanargmax(memory.correlation[1:])) + 1
    return [
        f"The inputs are correlated in time, r² = {memory.correlated:.2f} over {lag} step{'s' * (lag > 1)}: where the input "
        f"of lag {needed} can be read off the state, it may be another that is like it."
    ]
