"""Memory is used again, never while somebody still looks at it."""

import gc

import numpy as np

from bptt.kernels import pool
from bptt.kernels.pool import LINE, Pool, empty


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


def test_the_oldest_go_where_there_are_too_many():
    pool = Pool(limit=10_000)
    old, new = pool.take(4000), pool.take(4096)
    pool.give(old)
    pool.give(new)
    pool.give(pool.take(5000))
    assert pool.bytes == 9096
    assert [size for size, blocks in pool.idle.items() if blocks] == [4096, 5000]
    pool.give(np.empty(20_000, np.uint8))
    assert pool.bytes == 0
    pool.give(new)
    pool.release()
    assert pool.bytes == 0
    assert not pool.idle


def test_release():
    block = pool._pool.take(1 << 16)
    pool._pool.give(block)
    pool.release()
    assert pool._pool.bytes == 0
