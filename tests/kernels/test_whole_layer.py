"""A whole layer in one call against the NumPy loops, level by level and sequence by sequence."""

import os
from pathlib import Path

import numpy as np
import pytest

from bptt.kernels import whole_layer
from tests.kernels.sequences_alone import CELLS, expected, problem

TOLERANCE = {"float64": 1e-12, "float32": 1e-4}
THREADS = 2
MEMORY = Path("/proc/self/statm")


@pytest.fixture
def whole(module, monkeypatch):
    """The module under test with one instruction set after the other."""
    monkeypatch.setattr(whole_layer, "C", module)
    return whole_layer


def address(array):
    """As ``data_ptr``."""
    return 0 if array is None else array.ctypes.data


def rows_of(p, array):
    """(N, ·) as PyTorch packs sequences; the array itself where all are of one length."""
    if not p.packed:
        return array
    return np.concatenate([array[t, p.lengths > t] for t in range(len(array))])


def unpacked(p, rows):
    """The opposite, with zeros behind the end."""
    if not p.packed:
        return rows
    T, B, _ = p.sizes
    array, at = np.zeros((T, B, rows.shape[1]), rows.dtype), 0
    for t in range(T):
        alive = int((p.lengths > t).sum())
        array[t, :alive], at = rows[at : at + alive], at + alive
    return array


def found(whole, p, keep=True, batch_first=False, threads=THREADS):
    """The same by the two calls; or of the first alone, with nothing kept."""
    T, B, I = p.sizes
    kind, like = whole.KINDS[p.kind], p.x.dtype
    sizes = np.array([(p.lengths > t).sum() for t in range(T)], np.int64) if p.packed else None
    turn = (lambda a: a.swapaxes(0, 1)) if batch_first else (lambda a: a)
    memory = [np.ascontiguousarray(turn(rows_of(p, a))) for a in (p.x, p.errors[0])]
    x, dy = (turn(a) for a in memory)
    masks = None
    if p.masks is not None:
        masks = np.ascontiguousarray(np.stack([rows_of(p, m) for m in p.masks]))

    def steps(array):
        return [array.strides[i] // array.itemsize for i in (0, 0 if p.packed else 1)]

    def empty_like(array):
        return turn(np.full_like(np.ascontiguousarray(turn(array)), np.nan))

    y, dx = empty_like(dy), empty_like(x)
    last, first = ([np.full_like(s, np.nan) for s in p.state0] for _ in range(2))
    gradients = [[None if W is None else np.full_like(W, np.nan) for W in w] for w in p.weights]
    rows = int(p.lengths.sum())
    saved = np.full(whole.numbers_saved(kind, rows, p.H, p.levels, p.directions), np.nan, like)

    def pair(states):
        return [*map(address, states), *[0] * (2 - len(states))]

    def flat(layers):
        return tuple(address(W) for layer in layers for W in layer)

    layer = (
        kind, like == "float64", T, B, I, p.H, p.levels, p.directions, address(sizes), address(x), *steps(x),
        *pair(p.state0), flat(p.weights), address(masks),
    )  # fmt: skip
    whole.forward(
        *layer, address(y), *steps(y), *pair(last), address(saved) if keep else 0, threads
    )
    forward = [unpacked(p, y.copy()), *last]
    if not keep:
        return forward, None
    y[...] = 0  # the caller's own
    whole.backward(
        *layer, address(saved), address(dy), *steps(dy), *pair(p.errors[1:]), address(dx), *steps(dx), *pair(first),
        flat(gradients), threads,
    )  # fmt: skip
    dx = unpacked(p, np.ascontiguousarray(dx))
    return forward, [dx, *first, *(g for layer in gradients for g in layer if g is not None)]


def near(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        largest = max(np.abs(other).max(), 1.0)
        assert np.abs(one - other).max() <= TOLERANCE[str(one.dtype)] * largest


def check(whole, p, **how):
    forward, backward = expected(p)
    one, other = found(whole, p, **how)
    near(one, forward)
    near(other, backward)
    near(found(whole, p, keep=False, **how)[0], forward)


SHAPES = [
    (1, 1, 8, 64), (1, 5, 3, 7), (2, 3, 5, 17), (9, 1, 4, 33), (9, 2, 65, 16), (7, 4, 1, 40), (30, 9, 12, 24),
    (3, 31, 16, 1),
]  # fmt: skip


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", CELLS)
def test_every_shape(whole, kind, dtype):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        check(whole, problem(rng, kind, shape, dtype=dtype))


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("kind", CELLS)
def test_levels_and_directions(whole, kind, levels, directions):
    rng = np.random.default_rng(1)
    for ragged in (False, True):
        for dropout in (False, True)[:levels]:
            check(
                whole,
                problem(
                    rng, kind, (11, 6, 5, 19), levels, directions, dropout=dropout, ragged=ragged
                ),
            )


@pytest.mark.parametrize("kind", CELLS)
def test_without_biases_and_batch_first(whole, kind):
    rng = np.random.default_rng(2)
    check(whole, problem(rng, kind, (8, 3, 5, 20), 2, 2, bias=False))
    check(whole, problem(rng, kind, (8, 3, 5, 20), 2, 2), batch_first=True)


@pytest.mark.parametrize("kind", CELLS)
def test_what_is_absent_is_zero_and_what_is_not_wanted_is_not_written(whole, kind):
    p = problem(np.random.default_rng(3), kind, (6, 4, 3, 18), 2)
    T, B, I = p.sizes
    for array in (*p.state0, *p.errors[1:]):
        array[...] = 0
    with_zeros = found(whole, p)
    states = [np.empty_like(s) for s in p.state0]
    two = [*map(address, states), 0][:2]
    y, dW = np.empty_like(p.errors[0]), np.empty_like(p.weights[0][1])
    number = whole.KINDS[kind]
    saved = np.empty(whole.numbers_saved(number, T * B, p.H, 2, 1))
    weights = tuple(address(W) for w in p.weights for W in w)
    layer = (number, True, T, B, I, p.H, 2, 1, 0, address(p.x), B * I, I, 0, 0, weights, 0)
    whole.forward(*layer, address(y), B * p.H, p.H, *two, address(saved), 1)
    assert all(np.array_equal(a, b) for a, b in zip((y, *states), with_zeros[0], strict=True))
    wanted = (0, address(dW), *[0] * 6)
    dy = p.errors[0]
    whole.backward(
        *layer, address(saved), address(dy), B * p.H, p.H, 0, 0, 0, 0, 0, 0, 0, wanted, 1
    )
    assert np.array_equal(dW, with_zeros[1][2 + len(p.state0)])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", CELLS)
def test_the_same_bits_for_any_number_of_threads(whole, kind, dtype):
    rng = np.random.default_rng(4)
    shapes = (((24, 13, 40, 70), 1, True), ((60, 1, 40, 70), 2, False), ((60, 1, 40, 70), 1, False))
    for shape, directions, ragged in shapes:
        p = problem(rng, kind, shape, 2, directions, dtype, ragged=ragged)
        one = found(whole, p, threads=1)
        for threads in (2, 3, 5, 16):
            whole.C.resize_team(threads)
            for few, many in zip(one, found(whole, p, threads=threads), strict=True):
                assert all(np.array_equal(a, b) for a, b in zip(few, many, strict=True))


def test_sizes_that_cannot_be_are_refused(whole):
    x, out = np.zeros((2, 3, 4)), np.zeros((2, 3, 5))
    W = np.zeros((15, 5))
    a, b, w = address(x), address(out), address(W)

    def call(
        kind=3,
        T=2,
        B=3,
        I=4,
        H=5,
        levels=1,
        directions=1,
        sizes=0,
        x=a,
        weights=(w, w, 0, 0),
        y=b,
        h_n=b,
    ):
        whole.forward(
            kind, True, T, B, I, H, levels, directions, sizes, x, 12, 4, 0, 0, weights, 0, y, 15, 5, h_n, 0, 0, 1
        )  # fmt: skip

    call()
    growing = np.array([2, 3], np.int64)
    for wrong in (
        {"kind": 4}, {"kind": -1}, {"T": 0}, {"B": 0}, {"I": 0}, {"H": -1}, {"levels": 0}, {"directions": 3},
        {"x": 0}, {"weights": (w, w)}, {"weights": (w, 0, 0, 0)}, {"weights": (w, w, w, 0)}, {"y": 0}, {"h_n": 0},
        {"sizes": address(growing)},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="must"):
            call(**wrong)


@pytest.mark.skipif(
    not MEMORY.exists() or "asan" in os.environ.get("LD_PRELOAD", ""),
    reason="the system does not say what a process holds, or a sanitizer holds what was freed",
)
@pytest.mark.long
def test_ten_thousand_calls_leak_nothing(whole):
    p = problem(np.random.default_rng(5), "LSTM", (3, 2, 4, 5), 2, 2, ragged=True, dropout=True)

    def calls(count):
        for _ in range(count):
            found(whole, p, threads=1)
        return int(MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = calls(500)
    assert calls(10_000) - before < 1 << 20
