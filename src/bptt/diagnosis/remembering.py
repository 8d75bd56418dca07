"""What the states remember of the inputs, of as many inputs as can be read in a second or so."""

import numpy as np

from bptt.dynamics import MemoryFunction, memory_function
from bptt.dynamics.memory_function import LAGS, ROWS
from bptt.errors import OptionError
from bptt.layers import StackTrace

WORTH = 3e10  # operations in float64 below which all inputs are read
FEWEST = 4  # inputs that are read whatever that takes


def remembered(trace: StackTrace) -> MemoryFunction | None:
    """The memory function; None where the batch is too small to fit one, or no input varies.

    Args:
        trace: the forward pass.
    """
    x = trace.traces[0].x
    count, inputs = _that_fit(trace), None
    if count < x.shape[2]:
        varying = np.flatnonzero(np.ptp(x, (0, 1)))
        inputs = np.sort(np.random.default_rng(0).permutation(varying)[:count])
    try:
        memory = memory_function(trace, inputs=inputs)
    except OptionError:
        return None
    return None if np.isnan(memory.r2).all() else memory


def _that_fit(trace: StackTrace) -> int:
    """How many inputs can be read in the time."""
    T, B = trace.traces[0].x.shape[:2]
    H = trace.outputs.shape[-1]
    rows = min(max(ROWS, 16 * H), T * B // 2)
    lags, fits = min(LAGS + 1, T), 1 + (B > 1)  # with chance, where there is another sequence
    return max(FEWEST, int(WORTH / max(1, 4 * lags * rows * H * fits)))


def remarks_on_inputs(trace: StackTrace, memory: MemoryFunction | None) -> list[str]:
    """That not all inputs were read, in one sentence; none where they were.

    Args:
        trace: the forward pass.
        memory: what was read, or None.
    """
    I = trace.traces[0].x.shape[2]
    if memory is None or _that_fit(trace) >= I:
        return []
    read = int(np.isfinite(memory.per_input).any(0).sum())
    return [
        f"What the state remembers was read for {read} of the {I} inputs, drawn with seed 0: reading all of them would take too "
        "long."
    ]
