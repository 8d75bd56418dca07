"""How many threads the compiled loops use; ``cpp/team.h`` shares the work out."""

import os

from bptt.arrays import as_whole
from bptt.kernels import processors
from bptt.kernels.instruction_sets import compiled

MOST = 1024  # no machine has more to run them on


def _count_at_start() -> int:
    own = os.environ.get("BPTT_NUM_THREADS", "")
    if own:
        return as_whole(
            "BPTT_NUM_THREADS", int(own) if own.isdecimal() else own, least=1, most=MOST,
            cure="Without this variable, there is one thread for each processor.",
        )  # fmt: skip
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]  # "4,2": one number per level
    wanted = int(first) if first.isdecimal() else 0  # what is wrong here is OpenMP's to say
    return min(wanted or processors.usable(), MOST)


def _use(count: int) -> None:
    global _count
    _count = count
    if compiled is not None:
        compiled.resize_team(count)


_count = 0
_use(_count_at_start())


def get_num_threads() -> int:
    """How many threads the compiled loops use.

    At the start BPTT_NUM_THREADS, else OMP_NUM_THREADS, else the processors that this process may use: those it is
    bound to, and no more than the quota of its container (control groups, versions 1 and 2).
    """
    return _count


def set_num_threads(count: int) -> None:
    """Use that many threads in the compiled loops; the results are the same, bit for bit.

    NumPy's own matrix products have a setting of their own.

    Raises:
        OptionError: if it is not a whole number from 1 to 1,024.

    >>> import bptt
    >>> before = bptt.get_num_threads()
    >>> bptt.set_num_threads(1)
    >>> bptt.get_num_threads()
    1
    >>> bptt.set_num_threads(before)
    """
    _use(as_whole("count", count, least=1, most=MOST))
