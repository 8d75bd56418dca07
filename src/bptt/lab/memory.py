"""What a page took is for the next one, or a server would grow for hours.

Every page is a thread. glibc gives threads heaps of their own, up to eight for each processor, and what is free in one is of no use to
a thread of another.
"""

import ctypes
import functools
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ARENA_MAX = -8  # of <malloc.h>


def one_heap() -> None:
    """Let all threads of this process allocate from one heap, from now on; where the C library is not glibc, nothing changes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


@contextmanager
def swept_often() -> Iterator[None]:
    """What is there now is no garbage, and is not looked through again for as long as this lasts.

    Python looks for garbage among all objects once a quarter as many are new: of the 200,000 that a server begins with, a page
    that has gone makes too few to be found.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def formatters_once() -> None:
    """Let marimo say only once how things are shown: with every page it wraps IPython's ``display`` once more."""
    from marimo._session.managers import kernel

    register = getattr(kernel, "register_formatters", None)
    if register is not None and not hasattr(register, "cache_info"):
        kernel.register_formatters = functools.cache(register)  # type: ignore[attr-defined]
