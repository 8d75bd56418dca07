"""The memory function against delay lines, Jaeger's closed forms and ridge regression written out."""

import numpy as np
import pytest

import bptt
from bptt.diagnosis import remarks_on_inputs, remarks_on_memory, remembered, remembering
from bptt.dynamics import memory_function
from bptt.dynamics.memory_function import LAGS, RIDGES, ROWS, memory_of
from bptt.errors import OptionError
from bptt.layers.stacked import as_stack_trace
from tests.conftest import random_layer


def linear(W_R, w):
    H = len(W_R)
    return bptt.RNN(np.reshape(w, (H, -1)), W_R, np.zeros(H), "identity")


def shift(H):
    """The input of k steps ago stands in unit k."""
    return linear(np.eye(H, k=-1), np.eye(H)[0])


def white(rng, T, B, I=1):
    return rng.normal(size=(T, B, I))


def test_delay_line(rng):
    memory = memory_function(shift(6).forward(white(rng, 200, 20)), max_lag=11)
    assert np.abs(memory.r2[:6] - 1).max() < 1e-10
    assert np.abs(memory.r2[6:]).max() < 0.02  # of 2000 states: a reading by chance
    assert memory.capacity == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("rho", [0.95, 0.8])
def test_ring_of_units(rng, rho):
    """W_R = ρ·(a cyclic shift): R²_k = ρ^{2H⌊k/H⌋} (1 - ρ^{2H}) (White, Lee & Sompolinsky 2004)."""
    H = 8
    layer = linear(rho * np.roll(np.eye(H), 1, axis=0), np.eye(H)[0])
    memory = memory_function(layer.forward(white(rng, 1000, 12)), max_lag=3 * H - 1)
    exact = rho ** (2 * H * (np.arange(3 * H) // H)) * (1 - rho ** (2 * H))
    assert np.abs(memory.r2 - exact).max() < 0.04  # 4096 states
    assert memory.capacity == pytest.approx(exact.sum(), abs=0.3)


def test_linear_network(rng):
    """h = Σ_k W_R^k w x_{t-k}: R²_k = (W_R^k w)ᵀ C⁻¹ (W_R^k w), C the states' covariance (Jaeger 2001)."""
    H, K = 10, 40
    W_R = 0.9 * np.linalg.qr(rng.normal(size=(H, H)))[0]
    w = rng.normal(size=H)
    columns = np.array([np.linalg.matrix_power(W_R, k) @ w for k in range(400)])
    exact = np.einsum("kh,hg,kg->k", columns, np.linalg.inv(columns.T @ columns), columns)
    assert exact.sum() == pytest.approx(H)
    memory = memory_function(linear(W_R, w).forward(white(rng, 1000, 12)), max_lag=K - 1)
    assert np.abs(memory.r2 - exact[:K]).max() < 0.05
    assert memory.capacity == pytest.approx(H, rel=0.05)


def test_without_recurrent_weights(rng):
    layer = bptt.RNN(rng.normal(size=(5, 2)), np.zeros((5, 5)), np.zeros(5), "identity")
    memory = memory_function(layer.forward(white(rng, 300, 8, 2)), max_lag=5)
    assert memory.r2[0] == pytest.approx(1, abs=1e-10)
    assert np.abs(memory.r2[1:]).max() < 0.02


def by_ridge(rows, h, x, k, i, alpha):
    """R² of one lag and input: the normal equations, state by state."""
    fit, held = rows
    centre = sum(h[t, b] for t, b in fit) / len(fit)
    mean = sum(x[t - k, b, i] for t, b in fit) / len(fit)
    G, c = alpha * np.eye(h.shape[-1]), np.zeros(h.shape[-1])
    for t, b in fit:
        d = h[t, b] - centre
        G += np.outer(d, d)
        c += d * (x[t - k, b, i] - mean)
    w = np.linalg.solve(G, c)
    target = [x[t - k, b, i] for t, b in held]
    off = sum((x[t - k, b, i] - mean - w @ (h[t, b] - centre)) ** 2 for t, b in held)
    return 1 - off / sum((y - np.mean(target)) ** 2 for y in target)


@pytest.mark.parametrize("B", [1, 5])
def test_ridge_regression_written_out(rng, B):
    T, K, alpha = 40, 4, 0.37
    trace = random_layer(rng, I=2, H=3).forward(white(rng, T, B, 2))
    memory = memory_function(trace, K - 1, ridge=alpha)
    for k in range(K):
        if B == 1:
            fit = [(t, 0) for t in range(k, T // 2)]
            held = [(t, 0) for t in range(T // 2, T)]
        else:
            fit = [(t, b) for t in range(k, T) for b in (0, 2, 4)]
            held = [(t, b) for t in range(k, T) for b in (1, 3)]
        assert memory.rows[k] == len(fit)
        for i in range(2):
            exact = by_ridge((fit, held), trace.h[1:], trace.x, k, i, alpha)
            assert memory.per_input[k, i] == pytest.approx(exact, rel=1e-10)
    assert np.allclose(memory.r2, memory.per_input.mean(1), rtol=1e-14)


def test_ridge_is_that_of_least_gcv(rng):
    """The hat matrix itself, for every ridge on the grid."""
    trace = random_layer(rng, I=2, H=8).forward(white(rng, 12, 4, 2))
    memory = memory_function(trace, 3)
    used = []
    for k in range(4):
        fit = [(t, b) for t in range(k, 12) for b in (0, 2)]
        held = [(t, b) for t in range(k, 12) for b in (1, 3)]
        h = np.array([trace.h[t + 1, b] for t, b in fit])
        h -= h.mean(0)
        alphas = np.linalg.eigvalsh(h.T @ h)[-1] * RIDGES
        for i in range(2):
            y = np.array([trace.x[t - k, b, i] for t, b in fit])
            scores = []
            for alpha in alphas:
                hat = h @ np.linalg.solve(h.T @ h + alpha * np.eye(8), h.T) + 1 / len(y)
                scores.append(np.square(y - hat @ y).sum() / (len(y) - np.trace(hat)) ** 2)
            used.append(int(np.argmin(scores)))
            exact = by_ridge((fit, held), trace.h[1:], trace.x, k, i, alphas[used[-1]])
            assert memory.per_input[k, i] == pytest.approx(exact, rel=1e-6)
    assert len(set(used)) > 2  # the choice differs between them


def test_many_lags_share_states(rng):
    """A block for every eighth of the lags, on the states whose past holds its last one."""
    memory = memory_function(random_layer(rng).forward(white(rng, 60, 6)[..., [0, 0, 0]]), 15)
    assert list(memory.rows) == [3 * (60 - (2 * (k // 2) + 1)) for k in range(16)]


def test_episodes_are_sequences(rng):
    """Two episodes in a row count as two sequences do; behind an end there is nothing."""
    layer, x = random_layer(rng), white(rng, 30, 4, 3)
    apart = memory_function(layer.forward(x), 4, ridge=0.1)
    resets = np.zeros((60, 2), bool)
    resets[30] = True
    stream = np.concatenate([x[:, :2], x[:, 2:]])
    joined = memory_function(layer.forward(stream, resets=resets), 4, ridge=0.1)
    padded = np.concatenate([x, 1e3 * np.ones_like(x)])
    short = memory_function(layer.forward(padded, lengths=[30] * 4), 4, ridge=0.1)
    for other in (joined, short):
        assert list(other.rows) == list(apart.rows)
        assert np.allclose(other.per_input, apart.per_input, rtol=1e-10)


def test_unequal_lengths_at_the_last_step(rng):
    """The delay line's last state holds each sequence's own last inputs."""
    lengths = rng.integers(8, 30, size=80)
    trace = shift(4).forward(white(rng, 30, 80), lengths=lengths)
    memory = memory_function(trace, 7, at="last")
    assert list(memory.rows) == [40] * 8
    assert np.abs(memory.r2[:4] - 1).max() < 1e-8
    assert memory.r2[4:].max() < 0.3  # 40 states


def test_inputs_that_do_not_vary(rng):
    x = np.concatenate([white(rng, 50, 4), np.full((50, 4, 1), 0.1)], axis=2)
    layer = linear(np.zeros((2, 2)), np.eye(2))
    memory = memory_function(layer.forward(x), 1)
    assert np.isnan(memory.per_input[:, 1]).all()
    assert np.array_equal(memory.r2, memory.per_input[:, 0])
    still = memory_function(layer.forward(np.ones((50, 4, 2))), 1)
    assert np.isnan(still.r2).all()
    assert still.capacity == 0


def test_dead_units(rng):
    layer = bptt.RNN(np.ones((3, 1)), np.zeros((3, 3)), np.full(3, -100.0), "relu")
    memory = memory_function(layer.forward(white(rng, 50, 4)), 2)
    assert np.abs(memory.r2).max() < 0.05


def test_the_top_of_a_stack(rng):
    """What the level below hands up is remembered as it was; the inputs are the stack's."""
    copy = linear(np.zeros((5, 5)), np.eye(5))
    stack = bptt.Stack([shift(5), copy])
    memory = memory_function(stack.forward(white(rng, 200, 6)), 8)
    assert np.abs(memory.r2[:5] - 1).max() < 1e-10
    assert np.abs(memory.r2[5:]).max() < 0.05
    both = bptt.Stack([bptt.Bidirectional(shift(3), shift(3))])
    memory = memory_function(both.forward(white(rng, 200, 6)), 4)
    assert np.abs(memory.r2[:3] - 1).max() < 1e-10
    assert np.abs(memory.r2[3:]).max() < 0.05


def test_float32(rng):
    """Rounding of the states is all that is lost."""
    x = white(rng, 200, 6, 3)
    layer = random_layer(rng)
    single = bptt.RNN(*(p.astype("float32") for p in layer.parameters().values()))
    exact = memory_function(layer.forward(x), 6).r2
    found = memory_function(single.forward(x.astype("float32")), 6).r2
    assert np.abs(found - exact).max() < 1e-4


def test_how_many_lags(rng):
    """Two states for every unit in each half, and no more than a limit; of many states some are taken."""
    trace = random_layer(rng, H=10).forward(white(rng, 50, 4, 3))
    assert len(memory_function(trace).r2) == 41  # 2 (50 - 40) = 20
    long = shift(2).forward(white(rng, 3000, 4))
    memory = memory_function(long)
    assert len(memory.r2) == LAGS + 1
    assert memory.rows[0] == ROWS


def test_some_inputs_are_read_as_among_all(rng):
    trace = random_layer(rng, I=5, H=6).forward(white(rng, 60, 6, 5))
    whole, some = memory_function(trace), memory_function(trace, inputs=[3, 1])
    assert np.allclose(some.per_input[:, [1, 3]], whole.per_input[:, [1, 3]], rtol=0, atol=1e-12)
    assert np.isnan(some.per_input[:, [0, 2, 4]]).all()
    assert np.allclose(some.r2, whole.per_input[:, [1, 3]].mean(1), rtol=0, atol=1e-12)


def test_of_many_inputs_some_are_drawn_that_vary(rng, monkeypatch):
    """Reading all of them may take longer than all the rest of a diagnosis; what is not read is said."""
    x = white(rng, 60, 6, 9)
    x[..., :3] = 1
    trace = as_stack_trace(random_layer(rng, I=9, H=6).forward(x))
    assert (~np.isnan(remembered(trace).per_input)).any(0).sum() == 6
    assert remarks_on_inputs(trace, remembered(trace)) == []
    monkeypatch.setattr(remembering, "WORTH", 1.0)
    still = as_stack_trace(random_layer(rng, I=9, H=6).forward(np.ones((60, 6, 9))))
    assert remembered(still) is None
    memory = remembered(trace)
    assert np.flatnonzero((~np.isnan(memory.per_input)).any(0)).min() >= 3
    (remark,) = remarks_on_inputs(trace, memory)
    assert "was read for 4 of the 9 inputs, drawn with seed 0" in remark


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"max_lag": 9}, "trace"),  # 10 - 9 states, 3 units
        ({"max_lag": 400}, "trace"),
        ({"max_lag": -1}, "max_lag"),
        ({"ridge": 0.0}, "ridge"),
        ({"at": "first"}, "at"),
        ({"inputs": [1]}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": 0}, "inputs"),
        ({"at": "last"}, "trace"),
    ],
)
def test_refused(rng, options, name):
    trace = shift(3).forward(white(rng, 10, 2))
    with pytest.raises(OptionError, match=f"^{name}: expected"):
        memory_function(trace, **options)


def test_by_chance_nothing_is_read_where_the_sequences_have_nothing_in_common(rng):
    memory = memory_function(shift(6).forward(white(rng, 200, 20)), max_lag=11)
    assert np.abs(memory.chance).max() < 0.02
    assert memory.correlation[0] == pytest.approx(1)
    assert memory.correlated < 0.01


def test_what_all_sequences_share_is_read_by_chance(rng):
    """A season that every sequence has: the states of one tell the inputs of another, at lags they have forgotten."""
    season = np.sin(np.arange(200) * 2 * np.pi / 20)[:, None, None]
    memory = memory_function(shift(3).forward(season + 0.1 * white(rng, 200, 20)), max_lag=11)
    assert memory.r2[10] > 0.9  # of a layer that holds three steps
    assert memory.chance[10] > 0.9
    assert memory.correlated > 0.9


def test_inputs_that_are_correlated_in_time_are_told(rng):
    """A walk: each sequence its own, so that nothing is read by chance, but a neighbour tells a forgotten step."""
    x = white(rng, 400, 40)
    for t in range(1, 400):
        x[t] += 0.9 * x[t - 1]
    memory = memory_function(shift(3).forward(x), max_lag=8)
    assert memory.r2[5] > 0.4
    assert np.abs(memory.chance).max() < 0.1
    assert memory.correlation[1] == pytest.approx(0.81, abs=0.05)
    (remark,) = remarks_on_memory(memory, 5)
    assert remark.startswith("The inputs are correlated in time, r² = 0.8")
    assert "of lag 5 can be read off the state, it may be another" in remark


def test_of_a_single_sequence_there_is_none_to_exchange(rng):
    memory = memory_function(shift(3).forward(white(rng, 400, 1)), max_lag=4)
    assert np.isnan(memory.chance).all()
    assert remarks_on_memory(memory, 2) == []


def test_sequences_of_unequal_lengths_and_resets_are_exchanged_within_both(rng):
    x, lengths = white(rng, 60, 16), np.full(16, 60)
    lengths[::3] = 30
    resets = np.zeros((60, 16), bool)
    resets[20, 1::2] = True
    memory = memory_function(shift(3).forward(x, lengths=lengths, resets=resets), max_lag=6)
    assert np.abs(memory.chance).max() < 0.1


@pytest.mark.parametrize("e_x", [-1000, -600, 0, 600, 900])
@pytest.mark.parametrize("e_h", [-1000, -600, 0, 600, 900])
@pytest.mark.parametrize("ridge", [None, 0.5])
def test_sizes_of_inputs_and_states_do_not_matter(rng, e_x, e_h, ridge):
    """R² has no unit: 1e-300 times the states, or the inputs, is read as well; once it was 0, NaN or an overflow."""
    from bptt.dynamics.memory_function import memory_of

    x, noise = rng.normal(size=(60, 4, 2)), rng.normal(size=(60, 4, 3))
    h = 0.1 * noise
    h[1:, :, :2] += x[:-1]
    plain = memory_of(x, h, 4, ridge=ridge)
    scaled = memory_of(
        np.ldexp(x, e_x), np.ldexp(h, e_h), 4,
        ridge=None if ridge is None or not abs(e_h) < 400 else np.ldexp(ridge, 2 * e_h),
    )  # fmt: skip
    if ridge is None or abs(e_h) < 400:
        for name in ("r2", "per_input", "chance", "correlation"):
            assert np.array_equal(getattr(scaled, name), getattr(plain, name), equal_nan=True)
    assert plain.r2[1] > 0.9


def test_a_unit_that_stands_still_where_it_is_fitted_tells_nothing(rng):
    """Its mean is off by a rounding error there, which is no state to read from; where it is held out it moves."""
    x, h = white(rng, 24, 3), np.full((24, 3, 1), 0.1)
    h[:, 1] += 0.01 * x[:, 1]
    told, nothing = memory_of(x, h), memory_of(x, 0 * h)
    assert np.array_equal(told.per_input, nothing.per_input)
    assert (told.r2 <= 0).all()


def test_a_unit_that_hardly_moves_is_read_as_one_that_does(rng):
    """Its mean is off by a rounding error, which is a part of 1e-5 of how far it moves."""
    x = white(rng, 24, 3)
    moves = np.round(x * 1e3) * 2.0**-46  # all digits of it fit behind those of 0.7
    far = memory_of(x, 0.6875 + moves, max_lag=2)
    assert np.allclose(far.per_input, memory_of(x, moves, max_lag=2).per_input, rtol=1e-11)
