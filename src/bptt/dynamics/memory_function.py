r"""The memory function: how well the state now gives the input of k steps ago (Jaeger 2001, GMD report 152).

    (1)  x̂_{t-k} = w_k · (h_t - h̄) + x̄             read linearly, w_k by ridge regression on half of the data
    (2)  R²_k    = 1 - Σ (x - x̂)² / Σ (x - x̄)²      on the other half
    (3)  capacity = Σ_k max(R²_k, 0)

For one white input Jaeger's capacity is at most H. Where the input itself is correlated in time, a state also
tells of a step that it has forgotten through those that it remembers. Two numbers say how much of R² is not memory:
the same fit on the inputs of another sequence (chance), and how well an input tells itself k steps later
(correlation).

With H^T H = V diag(s) Vᵀ of the centred states the weights are w = V (s + α)⁻¹ Vᵀ Hᵀ x for every input, lag and
ridge α, so a block of lags needs one factorisation. α is that of least generalised cross-validation,

    (4)  GCV(α) = n ‖x - x̂‖² / (n - tr)²,  tr = 1 + Σ_j s_j/(s_j + α)     (Golub, Heath & Wahba 1979)
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from bptt.arrays import Array, as_choice, as_floats, as_kind, as_number, as_whole
from bptt.dynamics.remembered import MemoryFunction
from bptt.errors import OptionError
from bptt.layers import Trace
from bptt.layers.immediate import check_trace
from bptt.layers.levels import directions
from bptt.layers.sequences import inside
from bptt.layers.stacked import StackTrace

RIDGES = 10.0 ** np.arange(0, -13, -1)  # α over the largest s, strongest first
LAGS = 500  # the largest lag computed unless told
BLOCKS = 8  # of lags: within one all are fitted on the same states
ROWS = 4096  # states in a fit, or 16 H if that is more: others add nothing but time
TARGETS = 64  # columns at once


def memory_function(
    trace: Trace | StackTrace,
    max_lag: int | None = None,
    *,
    ridge: float | None = None,
    at: Literal["every", "last"] = "every",
    inputs: Sequence[int] | Array | None = None,
) -> MemoryFunction:
    """How well the inputs of each lag can be read off the top layer's states.

    Every other sequence is held out; of a single sequence its second half. Only states whose past reaches back
    that far are used: within the sequence, and since the last reset.

    Args:
        trace: from ``layer.forward`` or ``stack.forward``.
        max_lag: the largest lag; None is the largest for which each half has two states for every
            unit, at most 500.
        ridge: α, in units of h², the same for all; None chooses it for every lag and input by (4).
        at: read the state at "every" step, or the "last" one of each sequence: that is what a loss at the
            last step sees, and it needs more than H sequences in each half.
        inputs: numbers of the inputs to read, from 0; None reads all. The others have NaN.

    Raises:
        OptionError: if there are no more states in a half than units, or an argument is out of range.

    >>> import numpy as np, bptt
    >>> from bptt.dynamics import memory_function
    >>> delay = bptt.RNN([[1.0], [0.0]], [[0.0, 0.0], [1.0, 0.0]], np.zeros(2), "identity")
    >>> x = np.random.default_rng(0).standard_normal((300, 4, 1))
    >>> memory = memory_function(delay.forward(x), max_lag=3)
    >>> bool(np.allclose(memory.r2, [1, 1, 0, 0], atol=0.02))
    True
    """
    x, h, age, past = _regression(trace, at)
    if inputs is None:
        return _function(x, h, age, past, max_lag, ridge)
    I, cure = x.shape[-1], "For example inputs=[0]."
    if not len(as_kind("inputs", inputs, (Sequence, np.ndarray), "numbers of inputs", cure)):
        raise OptionError("inputs", "at least one number of an input, or None", "none", cure)
    read = [as_whole("inputs", number, least=0, most=I - 1) for number in inputs]
    some = _function(x[..., read], h, age, past, max_lag, ridge)
    per_input = np.full((len(some.r2), I), np.nan)
    per_input[:, read] = some.per_input
    return replace(some, per_input=per_input)


def memory_of(
    x: Array, h: Array, max_lag: int | None = None, *, ridge: float | None = None
) -> MemoryFunction:
    """The same of the inputs and states of any recurrence, read at every step.

    Args:
        x: (T, B, I) inputs.
        h: (T, B, H) states after each step.
        max_lag: as ``memory_function`` takes it.
        ridge: as ``memory_function`` takes it.

    Raises:
        OptionError: if there are no more states in a half than units, or an argument is out of range.
        ShapeError: if the axes do not agree.
    """
    x = as_floats("x", x, ("T", "B", "I")).astype(np.float64)
    h = as_floats("h", h, (*x.shape[:2], "H")).astype(np.float64)
    age = np.broadcast_to(np.arange(len(x))[:, None], x.shape[:2])
    return _function(x, h, age, age, max_lag, ridge)


def _function(
    x: Array, h: Array, age: Array, past: Array, max_lag: int | None, ridge: float | None
) -> MemoryFunction:
    """Of inputs, states, and how many steps of its past a state has, as ``_regression`` gives them."""
    ridge = None if ridge is None else as_number("ridge", ridge, "(0, ∞)", "None chooses it.")
    # R² has no unit: powers of two change no digit of it, and keep the squares within the range.
    (x, _), (h, e) = _of_size_one(x), _of_size_one(h)
    ridge = None if ridge is None else float(np.ldexp(ridge, -2 * e))
    halves = _halves(age)
    K = _lags(max_lag, age, halves, h.shape[-1])
    H, others = h.shape[-1], np.roll(np.arange(x.shape[1]), -1)
    per_input, rows = np.empty((K, x.shape[-1])), np.empty(K, int)
    by_chance, itself = np.full_like(per_input, np.nan), np.empty_like(per_input)
    # Few states have a long past: a block for every eighth of the lags lets the short ones keep theirs.
    for block in np.array_split(np.arange(K), min(BLOCKS, K)):
        fit, held = (_chosen(half, age, block[-1], H) for half in halves)
        per_input[block], rows[block] = _read(x, h, fit, held, block, ridge), len(fit[0])
        itself[block] = _with_itself(x, fit, block)
        if len(others) > 1:
            both = np.minimum(age, past[:, others])
            fit, held = (_chosen(half, both, block[-1], H) for half in halves)
            if min(len(fit[0]), len(held[0])) > H:
                by_chance[block] = _read(x[:, others], h, fit, held, block, ridge)
    means = (_mean_of_numbers(each) for each in (per_input, by_chance, itself))
    r2, chance, correlation = means
    return MemoryFunction(r2, per_input, rows, chance, correlation)


def _of_size_one(array: Array) -> tuple[Array, int]:
    """The array over 2^e, its largest entry between 1/2 and 1, and e."""
    e = int(np.frexp(np.abs(array).max())[1])
    return np.ldexp(array, -e), e


def _mean_of_numbers(per_input: Array) -> Array:
    """The mean over the inputs that have a number; NaN where none has."""
    varies = ~np.isnan(per_input)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(varies, per_input, 0).sum(1) / varies.sum(1))


def _with_itself(x: Array, rows: tuple[Array, Array], lags: Array) -> Array:
    """(lags, I) squared correlation of x_t with x_{t-k}; NaN where it does not vary."""
    t, b = rows
    now = x[t, b] - x[t, b].mean(0)
    squared = np.empty((len(lags), x.shape[-1]))
    for place, lag in enumerate(lags):
        then = x[t - lag, b] - x[t - lag, b].mean(0)
        scatter = np.square(now).sum(0) * np.square(then).sum(0)
        product = np.square((now * then).sum(0))
        squared[place] = np.where(scatter > 0, product / np.where(scatter > 0, scatter, 1), np.nan)
    return squared


def _regression(trace: Trace | StackTrace, at: str) -> tuple[Array, Array, Array, Array]:
    """Inputs (T, B, I), states (T, B, H), and how many steps of its past a state has, (T, B).

    A state that is not to be read has -1; in the last array, which has the same of every step, what lies behind
    a sequence's end.
    """
    as_choice("at", at, ("every", "last"))
    check_trace(trace, (Trace, StackTrace))
    first = trace if isinstance(trace, Trace) else directions(trace.levels[0])[0]
    h = trace.h[1:] if isinstance(trace, Trace) else trace.outputs
    T, B, _ = first.x.shape
    step = np.broadcast_to(np.arange(T)[:, None], (T, B))
    start = 0 if first.resets is None else np.maximum.accumulate(np.where(first.resets, step, 0))
    lengths = np.full(B, T) if first.lengths is None else first.lengths
    past = np.where(inside(lengths, T), step - start, -1)
    age = past if at == "every" else np.where(step == lengths - 1, past, -1)
    return first.x.astype(np.float64), h.astype(np.float64), age, past


def _halves(age: Array) -> tuple[Array, Array]:
    """(T, B) True for the states that are fitted, and for those held out."""
    readable = age >= 0
    if age.shape[1] == 1:
        early = readable.cumsum(0) <= readable.sum() // 2
    else:
        early = np.arange(age.shape[1]) % 2 == 0
    return readable & early, readable & ~early


def _lags(max_lag: int | None, age: Array, halves: tuple[Array, Array], H: int) -> int:
    """K, how many lags there are states for."""
    # states of the poorer half that have a past of k steps, k = 0, 1, ...
    each = [np.bincount(age[half], minlength=int(age.max()) + 1) for half in halves]
    enough = np.minimum(*(count[::-1].cumsum()[::-1] for count in each))
    if max_lag is None:
        wanted, K = 2 * H, min(LAGS + 1, int((enough >= 2 * H).sum()))
    else:
        max_lag = as_whole("max_lag", max_lag, least=0)
        wanted, K = H + 1, max_lag + 1 if (enough > H).sum() > max_lag else 0
    if K == 0:
        lag = max_lag or 0
        states = enough[lag] if lag < len(enough) else 0
        raise OptionError(
            "trace", f"at least {wanted} states with a past of {lag} steps in each half of the data",
            f"{states}", "Pass more or longer sequences, or a smaller max_lag.",
        )  # fmt: skip
    return K


def _chosen(half: Array, age: Array, lag: int, H: int) -> tuple[Array, Array]:
    """Steps and sequences of the states in a half whose past holds the lag; not more than are of use."""
    t, b = np.nonzero(half & (age >= lag))
    most = max(ROWS, 16 * H)
    if len(t) > most:
        some = np.sort(np.random.default_rng(0).choice(len(t), most, replace=False))
        t, b = t[some], b[some]
    return t, b


def _read(
    x: Array,
    h: Array,
    fit: tuple[Array, Array],
    held: tuple[Array, Array],
    lags: Array,
    ridge: float | None,
) -> Array:
    """(lags, I) R² on the held-out states of readings fitted on the others."""
    I, (t, b), (t_held, b_held) = x.shape[-1], fit, held
    H_fit, H_held = h[t, b], h[t_held, b_held]
    # A mean is off by a rounding error, which is much beside a unit that hardly moves: what is left has a mean too.
    varies = np.ptp(H_fit, 0) > 0
    for _ in range(2):
        centre = H_fit.mean(0)
        H_fit, H_held = (H_fit - centre) * varies, (H_held - centre) * varies
    s, V = np.linalg.eigh(H_fit.T @ H_fit)
    s[s <= len(s) * np.finfo(float).eps * s[-1]] = 0  # nothing moves in these directions
    largest = s[-1] or 1.0  # of dead units nothing is read
    inverse = np.divide(1, s, out=np.zeros_like(s), where=s > 0)[:, None]
    alphas = largest * RIDGES if ridge is None else np.array([ridge])
    r2_of = np.empty((len(lags), I))
    for some in np.array_split(lags, -(-len(lags) * I // TARGETS)):
        Y, Y_held = (x[t[:, None] - some, b[:, None]].reshape(len(t), -1) for t, b in (fit, held))
        mean = Y.mean(0)
        Y -= mean
        Z_Y = V.T @ (H_fit.T @ Y)  # Z = H V, never formed: there are fewer targets than units
        beyond = np.square(Y - H_fit @ (V @ (inverse * Z_Y))).sum(0)
        alpha = _best(alphas, s, inverse * np.square(Z_Y), beyond, np.square(Y).sum(0), len(Y))
        off = Y_held - mean - H_held @ (V @ (Z_Y / (s[:, None] + alpha)))
        scatter = np.square(Y_held - Y_held.mean(0)).sum(0)
        changes = (np.ptp(Y, 0) > 0) & (np.ptp(Y_held, 0) > 0)
        r2 = 1 - np.square(off).sum(0) / np.where(changes, scatter, 1)
        r2_of[some - lags[0]] = np.where(changes, r2, np.nan).reshape(len(some), I)
    return r2_of


def _best(alphas: Array, s: Array, along: Array, beyond: Array, squares: Array, n: int) -> Array:
    """The α of least GCV, equation (4), for every column of Zᵀ Y.

    Both of its parts are sums of what is positive: a fit with about as many states as units is all but exact, and a
    difference of squares would have no digit left.

    Args:
        alphas: to choose from.
        s: (H,) eigenvalues of Hᵀ H; 0 where nothing is read.
        along: (H, targets) what of ‖Y‖² lies along each direction, (z_j·x)²/s_j.
        beyond: (targets,) ‖Y‖² that no reading reaches.
        squares: (targets,) ‖Y‖².
        n: states.
    """
    missed = alphas[:, None] / (s + alphas[:, None])
    # ‖x - x̂‖² = beyond + Σ_j (α/(s_j + α))² (z_j·x)²/s_j; below 1e-14 of ‖x‖² it is rounding
    error = np.maximum(beyond + np.square(missed) @ along, 1e-14 * squares)
    free = n - 1 - len(s) + missed.sum(1)
    return np.asarray(alphas[np.argmin(error / np.square(free)[:, None], 0)])
