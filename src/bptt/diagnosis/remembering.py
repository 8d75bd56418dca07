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
    try:
        memory = memory_function(trace, inputs=drawn_inputs(trace))
    except OptionError:
        return None
    return None if np.isnan(memory.r2).all() else memory


def drawn_inputs(trace: StackTrace) -> list[int] | None:
    """The inputs that are read where all of them would take too long, drawn with seed 0; None for all.

    Args:
        trace: the forward pass.
    """
    x = trace.traces[0].x
    T, B, I = x.shape
    H = trace.outputs.shape[-1]
    rows = min(max(ROWS, 16 * H), T * B // 2)
    lags, fits = min(LAGS + 1, T), 1 + (B > 1)  # with chance, where there is another sequence
    count = max(FEWEST, int(WORTH / max(1, 4 * lags * rows * H * fits)))
    if count >= I:
        return None
    varying = np.flatnonzero(np.ptp(x, (0, 1)))
    return sorted(np.random.default_rng(0).permutation(varying)[:count].tolist())


def remarks_on_inputs(trace: StackTrace, memory: MemoryFunction | None) -> list[str]:
    """That not all inputs were read, in one sentence; none where they were.

    Args:
        trace: the forward pass.
        memory: what was read, or None.
    """
    drawn = drawn_inputs(trace)
    if memory is None or drawn is None:
        return []
    return [
        f"What the state remembers was read for {len(drawn)} of the {trace.traces[0].x.shape[2]} inputs, drawn with seed 0: "
        "reading all of them would take longer than the rest of the measurement."
    ]
