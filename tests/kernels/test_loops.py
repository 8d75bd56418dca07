"""Every compiled loop against its slow, obvious twin in NumPy, with sizes 1 to 70 in every dimension."""

import numpy as np
import pytest

from bptt.cells import Weights, gru, lstm, rnn
from bptt.cells.activations import ACTIVATIONS
from bptt.kernels import compiled_loops as loops
from bptt.kernels import numpy_lags, numpy_loops

CELLS = {cell.name: cell for cell in (rnn.CELL, lstm.CELL, gru.CELL)}
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}
TINY = (1, 2, 3, 5, 9)


def near(found, expected, dtype):
    assert found.dtype == expected.dtype == dtype
    assert found.shape == expected.shape
    largest = max(np.abs(expected).max(initial=0), 1.0)
    assert np.abs(found - expected).max(initial=0) <= TOLERANCE[dtype] * largest


def shapes():
    """(T, B, I, H): one dimension takes 1 to 70, the others small sizes in turn."""
    for place in range(4):
        for n in range(1, 71):
            others = [TINY[(n + place * 2 + i) % len(TINY)] for i in range(3)]
            yield (*others[:place], n, *others[place:])


def problem(rng, cell, T, B, I, H, dtype, phi="tanh"):
    """Weights, inputs, first states and errors; resets in every second one."""
    rows, S = len(cell.gates) * H, len(cell.states) * H

    def some(*shape, scale=1.0):
        return (scale * rng.uniform(-1, 1, shape)).astype(dtype)

    biases = tuple(some(H) for _ in cell.recurrent_biases)
    state0 = tuple(some(B, H) for _ in cell.states)
    x, W_F, b, W_R = some(T, B, I), some(rows, I), some(rows), some(rows, H, scale=H**-0.5)
    keep = rng.random((T, B)) < 0.7 if (T + B + H) % 2 else None
    weights = Weights(cell, W_F, W_R, b, biases, ACTIVATIONS[phi])
    return weights, x, state0, keep, some(T, B, S), some(B, S)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", CELLS)
def test_forward_backward_and_derivatives_are_numpys(module, name, dtype):
    cell, rng = CELLS[name], np.random.default_rng(0)
    for shape in shapes():
        weights, x, state0, keep, d, carried = problem(rng, cell, *shape, dtype)
        saved, states = numpy_loops.forward(weights, x, state0, keep)
        saved_c, states_c = loops.forward(weights, x, state0, keep)
        for found, expected in zip((saved_c, *states_c), (saved, *states), strict=True):
            near(found, expected, dtype)
        # Errors of h alone, or of the whole state; from behind nothing, or something.
        for errors, behind in ((d, carried), (np.ascontiguousarray(d[..., : shape[3]]), None)):
            expected = numpy_loops.backward(weights, errors, saved, states, keep, behind)
            found = loops.backward(weights, errors, saved, states, keep, behind)
            for one, other in zip(found, expected, strict=True):
                near(one, other, dtype)
        expected = numpy_loops.linearised(weights, saved, states, keep)
        found = loops.linearised(weights, saved, states, keep)
        for one, other in zip(found, expected, strict=True):
            near(one, np.asarray(other), dtype)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(module, name, rng):
    weights, x, state0, keep, d, _ = problem(rng, rnn.CELL, 9, 4, 3, 37, "float64", name)
    saved, states = numpy_loops.forward(weights, x, state0, keep)
    saved_c, states_c = loops.forward(weights, x, state0, keep)
    near(saved_c, saved, "float64")
    near(*states_c, *states, "float64")
    expected = numpy_loops.backward(weights, d, saved, states, keep)
    for one, other in zip(loops.backward(weights, d, saved, states, keep), expected, strict=True):
        near(one, other, "float64")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", CELLS)
def test_step_back_in_lag_is_numpys(module, name, dtype):
    cell, rng = CELLS[name], np.random.default_rng(1)
    for N, B, _, H in shapes():
        weights, x, state0, keep, D, _ = problem(rng, cell, N, B, 2, H, dtype)
        saved, states = numpy_loops.forward(weights, x, state0, keep)
        derivatives, W_R = numpy_loops.linearised(weights, saved, states, keep), weights.W_R
        cut = (N + H) % min(N, 4)
        results = []
        for step in (numpy_lags.LagStep(cell, W_R), loops.LagStep(cell, W_R)):
            dz, arriving = (
                np.empty((N, B, len(W_R)), dtype),
                np.empty((N - cut, B, D.shape[2]), dtype),
            )
            norms = step(D, derivatives, cut, dz, arriving)
            totals = np.array(norms.totals[: -2 if cut == N else None])  # nothing has no least
            results.append(
                [dz, arriving, *(np.sqrt(n).astype(dtype) for n in (*norms[:5], totals))]
            )
        for found, expected in zip(*reversed(results), strict=True):
            near(found, expected, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_products_are_numpys(module, dtype):
    rng = np.random.default_rng(2)
    for rows, M, N, K in shapes():
        a, b = (rng.uniform(-1, 1, (rows, 2, n)).astype(dtype) for n in (M, N))
        sums = np.ones((2, M), dtype)
        near(loops.outer(a, b, None, sums[0]), numpy_loops.outer(a, b, None, sums[1]), dtype)
        near(sums[0], sums[1], dtype)
        (one, most), (other, expected) = (by.outer_in_double(a, b) for by in (loops, numpy_loops))
        assert one.dtype == other.dtype == np.float64
        near(one.astype(dtype), other.astype(dtype), dtype)
        assert most == np.abs(one).max()
        assert expected == np.abs(other).max()
        a = rng.uniform(-1, 1, (rows, 2, K)).astype(dtype)
        W, bias = rng.uniform(-1, 1, (K, N)).astype(dtype), rng.uniform(-1, 1, N).astype(dtype)
        near(loops.affine(a, W, bias), numpy_loops.affine(a, W, bias), dtype)
        near(loops.product(W, rows)(a), numpy_loops.product(W, rows)(a), dtype)
        turned = np.asfortranarray(W)
        near(loops.affine(a, turned), numpy_loops.affine(a, W), dtype)
        wide = rng.uniform(-1, 1, (rows, 2, K + 3)).astype(dtype)[..., :K]  # rows apart
        near(loops.affine(wide, W), numpy_loops.affine(np.ascontiguousarray(wide), W), dtype)


def test_of_no_row_at_all_the_sum_is_zero(module):
    nothing = np.empty((0, 2, 3))
    for by in (loops, numpy_loops):
        found, most = by.outer_in_double(nothing, nothing)
        assert most == 0
        assert not found.any()


@pytest.mark.parametrize("N", [7, 200], ids=["in one part", "in several"])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_the_largest(module, N, odd):
    """Whoever asks for the largest sum sees that one is no number."""
    a, b = np.random.default_rng(6).uniform(-1, 1, (2, N, 3, 40))
    a[N // 2, 1, 23] = odd
    for by in (loops, numpy_loops):
        assert not by.outer_in_double(a, b)[1] < np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_squares_of_sums_are_those_of_the_matrices(module, dtype):
    rng = np.random.default_rng(4)
    for N, M, K, B in shapes():
        a, b = (rng.uniform(-1, 1, (N, B, n)).astype(dtype) for n in (M, K))
        found = loops.squares_of_sums(a, b)
        matrices = np.einsum("nbm,nbk->bmk", a.astype("float64"), b.astype("float64"))
        most = (np.linalg.norm(a, axis=2) * np.linalg.norm(b, axis=2)).sum(0, dtype="float64")
        by_matrices = np.square(matrices).sum((1, 2)), most
        for answer in (numpy_loops.squares_of_sums(a, b), by_matrices):
            for own, expected in zip(found, answer, strict=True):
                assert own.dtype == expected.dtype == np.float64
                near(own.astype(dtype), expected.astype(dtype), dtype)
        every_second = loops.squares_of_sums(a[::2], b[::2])
        assert np.array_equal(every_second, loops.squares_of_sums(a[::2].copy(), b[::2].copy()))


def test_squares_of_sums_may_leave_the_range_of_floats(module):
    a, b = np.full((3, 2, 4), 2.0**40, "float32"), np.full((3, 2, 5), 2.0**30, "float32")
    for found, _ in (loops.squares_of_sums(a, b), numpy_loops.squares_of_sums(a, b)):
        assert (found == 9 * 20 * 2.0**140).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_looking_up_and_adding_up_by_symbol_are_numpys(module, dtype):
    rng = np.random.default_rng(6)
    for rows, B, symbols, width in shapes():
        codes = rng.integers(0, symbols, (rows, B))
        table = rng.standard_normal((symbols, width)).astype(dtype)
        wide = np.empty((rows, B, width + 3), dtype)  # of which only some columns are written
        loops.look_up(table, codes, wide[..., :width])
        assert np.array_equal(wide[..., :width], table[codes])
        errors = rng.standard_normal((rows, B, width)).astype(dtype)
        near(
            loops.add_up(errors, codes, symbols), numpy_loops.add_up(errors, codes, symbols), dtype
        )


def test_symbols_beyond_the_table_are_refused(module):
    codes, rows = np.array([[0, 3]]), np.ones((1, 2, 4))
    with pytest.raises(ValueError, match="codes has another shape"):
        loops.look_up(np.ones((3, 4)), codes, np.empty((1, 2, 4)))
    with pytest.raises(ValueError, match="codes has another shape"):
        loops.add_up(rows, -codes, 3)


def test_the_bill_is_numpys(module):
    rng = np.random.default_rng(3)
    first, then = (
        [0.5, 2.0, 0.25, 3.0, 1.5, 0.75, 1.25, 2.5],
        [1.0, 0.5, 2.0, 0.25, 1.0, 0.5, 0.5, 1.0],
    )
    for rows, columns, *_ in shapes():
        W, *sums = rng.normal(size=(5, rows, columns))
        lags, (expected, found) = (
            list(rng.normal(size=(3, rows, columns))),
            np.empty((2, 4, rows, columns)),
        )
        slow = numpy_loops.bill(lags, W, sums, list(expected), first, then)
        quick = loops.bill(lags, W, sums, list(found), first, then)
        assert np.allclose(quick, slow, rtol=1e-12, atol=1e-10)
        near(found, expected, "float64")
        # One after the other, and the sums where they are.
        singly = [
            loops.bill([G], W, sums, sums, by, by)[0]
            for G, by in zip(lags, (first, then, then), strict=True)
        ]
        assert np.array_equal(singly, quick)
        assert np.array_equal(sums, found)


def test_an_array_of_another_shape_type_or_layout_is_refused(module):
    W = np.eye(4)
    packed = module.pack(W, 1, 1)
    out = np.empty((3, 4))
    with pytest.raises(ValueError, match="a has another shape"):
        module.affine(packed, np.zeros((3, 5)), None, out)
    with pytest.raises(ValueError, match="bias has another shape"):
        module.affine(packed, np.zeros((3, 4)), np.zeros(3), out)
    with pytest.raises(ValueError, match="z has another shape or layout"):
        module.slope(0, np.zeros((3, 4)).T, np.empty((4, 3)))
    with pytest.raises(TypeError):
        module.affine(packed, np.zeros((3, 4), "float32"), None, out)
