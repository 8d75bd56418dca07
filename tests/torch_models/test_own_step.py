"""Recurrences of one's own: every lag against autograd through the unrolled loop, cut at that lag."""

import pytest

pytest.importorskip("torch")

import torch
from torch.nn.functional import logsigmoid, silu

from bptt.errors import OptionError, ShapeError
from bptt.torch_models import by_lag

T, B, I, H = 14, 3, 4, 5


def leaky(p, x, h):
    return 0.8 * h + 0.2 * torch.tanh(x @ p["W_F"].T + h @ p["W_R"].T)


def minimal_gated_unit(p, x, h):
    """Zhou et al. 2016."""
    f = torch.sigmoid(x @ p["F_F"].T + h @ p["F_R"].T)
    n = torch.tanh(x @ p["W_F"].T + (f * h) @ p["W_R"].T)
    return h + f * (n - h)


def linear_recurrent_unit(p, x, state):
    """Orvieto et al. 2023: a diagonal of complex numbers, here as pairs of real ones."""
    a, b = state
    size, angle = torch.exp(-torch.exp(p["nu"])), torch.exp(p["theta"])
    real, imaginary = size * torch.cos(angle), size * torch.sin(angle)
    return real * a - imaginary * b + x @ p["B_a"].T, real * b + imaginary * a + x @ p["B_b"].T


def slstm(p, x, state):
    """Beck et al. 2024: exponential gates, a normaliser and a stabiliser."""
    h, c, n, m = state
    i, f, z, o = (x @ p["W_F"].T + h @ p["W_R"].T).chunk(4, -1)
    f = logsigmoid(f)
    m_t = torch.maximum(f + m, i)
    i, f = torch.exp(i - m_t), torch.exp(f + m - m_t)
    c, n = f * c + i * torch.tanh(z), f * n + i
    return torch.sigmoid(o) * c / n.clamp(min=1e-6), c, n, m_t


STEPS = {
    "leaky": (leaky, 1, {"W_F": (H, I), "W_R": (H, H)}),
    "minimal gated unit": (
        minimal_gated_unit, 1, {"F_F": (H, I), "F_R": (H, H), "W_F": (H, I), "W_R": (H, H)},
    ),
    "linear recurrent unit": (
        linear_recurrent_unit, 2, {"nu": (H,), "theta": (H,), "B_a": (H, I), "B_b": (H, I)},
    ),
    "sLSTM": (slstm, 4, {"W_F": (4 * H, I), "W_R": (4 * H, H)}),
}  # fmt: skip


@pytest.fixture(params=STEPS)
def case(request):
    step, parts, shapes = STEPS[request.param]
    generator = torch.Generator().manual_seed(3)

    def some(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    params = {name: 0.6 * some(*shape) for name, shape in shapes.items()}
    state0 = tuple(some(B, H).abs() for _ in range(parts))
    d = tuple(some(T, B, H) if part < 2 else None for part in range(parts))
    if parts == 1:
        return step, params, some(T, B, I), state0[0], d[0]
    return step, params, some(T, B, I), state0, d


def one_copy_per_step(step, params, x, state0, d):
    """G_k by the definition: a copy of the parameters per step, one backward pass per loss step."""
    copies = [{n: v.clone().requires_grad_() for n, v in params.items()} for _ in x]
    state, states = state0, []
    for x_t, copy in zip(x, copies, strict=True):
        state = step(copy, x_t, state)
        states.append(state if isinstance(state, tuple) else (state,))
    G = {n: torch.zeros(len(x), *v.shape, dtype=v.dtype) for n, v in params.items()}
    for t in range(len(x)):
        parts = zip(states[t], d if isinstance(d, tuple) else (d,), strict=True)
        sent = [(part, error[t]) for part, error in parts if error is not None]
        for s in range(t + 1):
            grads = torch.autograd.grad(
                [part for part, _ in sent], list(copies[s].values()), [error for _, error in sent],
                retain_graph=True, allow_unused=True,
            )  # fmt: skip
            for name, grad in zip(params, grads, strict=True):
                if grad is not None:
                    G[name][t - s] += grad
    return G


def test_every_lag_is_autograds(case):
    lags = by_lag(*case, keep_matrices=True)
    expected = one_copy_per_step(*case)
    for name, G in expected.items():
        assert abs(lags.matrices[name] - G.numpy()).max() < 1e-12 * abs(G).max()
        assert lags.share[name].sum() == pytest.approx(1, abs=1e-12)
        assert 0 <= lags.horizon(name) < T


def test_max_lag(case):
    whole, cut = by_lag(*case), by_lag(*case, max_lag=3.0)
    for name in whole.norm:
        assert len(cut.norm[name]) == 4
        assert (cut.norm[name] == whole.norm[name][:4]).all()


def test_refused(case):
    step, params, x, state0, d = case
    for max_lag in (-1, 2.5, "3"):
        with pytest.raises(OptionError, match="max_lag: expected a whole number from 0"):
            by_lag(*case, max_lag=max_lag)
    first = d if isinstance(d, torch.Tensor) else d[0]
    cut = first[:-1] if isinstance(d, torch.Tensor) else (first[:-1], *d[1:])
    with pytest.raises(ShapeError, match="dstate"):
        by_lag(step, params, x, state0, cut)


def test_a_step_that_loses_a_part_is_refused():
    def step(p, x, h):
        return silu(x @ p["W"].T)

    with pytest.raises(OptionError, match="step: expected a state of shapes"):
        by_lag(
            step,
            {"W": torch.ones(2, 3)},
            torch.ones(4, 1, 3),
            torch.ones(1, 5),
            torch.ones(4, 1, 5),
        )
