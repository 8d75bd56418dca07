"""Memory is used again, never while somebody still looks at it."""

import gc
import signal
import sys
import threading

import pytest

from bptt.kernels import pool
from bptt.kernels.pool import Pool, empty

LINE = 64  # bytes of a cache line
compiled = pytest.mark.skipif(
    Pool is None, reason="the pool is compiled, and the compiled loops are not here"
)


@compiled
def test_what_is_freed_is_given_out_again():
    a = empty((300, 1000), "float32")
    where = a.ctypes.data
    assert where % LINE == 0
    assert a.shape == (300, 1000)
    a[...] = 1
    part = a[3:5].T
    del a
    b = empty((300, 1000), "float32")
    assert b.ctypes.data != where  # a view still stands there
    assert (part == 1).all()
    del part
    gc.collect()
    assert empty((1000, 300), "float32").ctypes.data == where  # any shape of that size


def test_small_arrays_are_numpys():
    assert empty((3, 4), "float64").base is None


@compiled
def test_the_oldest_go_where_there_are_too_many():
    pool = Pool(10_000)
    old, new = pool.take(4000), pool.take(4096)
    del old
    assert pool.bytes == 4000
    del new
    assert pool.bytes == 8096
    large = pool.take(5000)
    assert pool.bytes == 8096  # a fresh block: none of that size was there
    del large
    assert pool.bytes == 9096  # the first is gone
    again = pool.take(4096)
    assert pool.bytes == 5000
    del again
    huge = pool.take(20_000)
    del huge
    assert pool.bytes == 0  # of its own not one byte fits, and all others are older
    last = pool.take(4096)
    del last
    pool.release()
    assert pool.bytes == 0


@compiled
def test_an_array_outlives_its_pool():
    pool = Pool(10_000)
    a = pool.take(4096)
    a[:] = 7
    del pool
    gc.collect()
    assert (a == 7).all()
    del a


@compiled
def test_blocks_are_given_out_and_back_by_several_threads():
    """No two arrays that live at the same time stand on one block."""
    wrong = []

    def work(number):
        for turn in range(300):
            a, b = empty((100, 100), "float64"), empty((90, 100), "float64")
            a[...], b[...] = number, -number - turn
            if (a != number).any() or (b != -number - turn).any():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@compiled
def test_release():
    a = empty((1 << 14,), "float64")
    del a
    assert pool.idle() >= 1 << 17
    pool.release()
    assert pool.idle() == 0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals by a timer are Unix's")
def test_an_interruption_arrives_whatever_is_being_freed(monkeypatch):
    """Python runs a signal's handler in whatever code of its own is next; what it raises in a finalizer is lost."""
    lost = []

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(20):
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012
                signal.setitimer(signal.ITIMER_REAL, 0.005)  # once: a second one could meet pytest
                while not lost:
                    empty((200, 200), "float64")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not lost
