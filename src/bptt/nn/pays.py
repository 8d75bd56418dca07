"""Where the loops are the faster, as measured: everywhere else a layer's call is PyTorch's own.

The weights are put in order for the registers once a call. Few steps of many units do not pay for that. And where W_R is larger
than a core's own cache and there are few sequences, each step waits for W_R from memory: PyTorch reads it with all
its threads at once.
"""

import torch

from bptt.nn.call import GATES

UNITS = 64  # per step that a call has at least
CACHE = 2 << 20  # bytes of W_R that one core reads as fast as it multiplies
SEQUENCES = 16  # that share W_R once it is read


def pays(mode: str, T: int, B: int, H: int, itemsize: int) -> bool:
    """Whether a call is to be made by the loops.

    Args:
        mode: as PyTorch has it.
        T: steps.
        B: sequences.
        H: units.
        itemsize: bytes of a number.

    >>> pays("GRU", T=100, B=1, H=64, itemsize=4), pays("GRU", T=1, B=1, H=256, itemsize=4)
    (True, False)
    """
    trains = torch.is_grad_enabled()
    if GATES.get(mode, 1) * H * H * itemsize > CACHE:
        if mode == "LSTM" and (B < SEQUENCES or not trains):
            return False
        if B < SEQUENCES and not trains:
            return False
    if mode == "LSTM":  # whose weights PyTorch puts in order too
        return True
    if T == 1 and mode != "GRU" and trains:
        return False
    return T * UNITS >= H
