"""What a step of one's own may be: complex, with dropout, in place, rows that meet; and what it may not."""

from collections import namedtuple

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.func import functional_call

from bptt.errors import DTypeError, NonFiniteError, OptionError, ResidualError, ShapeError
from bptt.torch_models import by_lag
from tests.torch_models.test_own_step import leaky, linear_recurrent_unit, one_copy_per_step

T, B, I, H = 8, 3, 4, 5


@pytest.fixture
def some():
    generator = torch.Generator().manual_seed(3)

    def draw(*shape, dtype=torch.float64):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    return draw


@pytest.fixture
def params(some):
    return {"W_F": 0.6 * some(H, I), "W_R": 0.6 * some(H, H)}


def agree(lags, G):
    for name, expected in G.items():
        assert abs(lags.matrices[name] - expected.numpy()).max() <= 1e-12 * abs(expected).max()


def complex_unit(p, x, h):
    """Orvieto et al. 2023 in complex numbers."""
    return (
        torch.exp(torch.complex(-torch.exp(p["nu"]), torch.exp(p["theta"]))) * h
        + x.to(p["B"].dtype) @ p["B"].T
    )


def test_complex_states_and_parameters_are_autograds(some):
    params = {"nu": some(H), "theta": some(H), "B": some(H, I, dtype=torch.complex128)}
    x, d = some(T, B, I), some(T, B, H, dtype=torch.complex128)
    h0 = some(B, H, dtype=torch.complex128)
    lags = by_lag(complex_unit, params, x, h0, d, keep_matrices=True)
    agree(lags, one_copy_per_step(complex_unit, params, x, h0, d))
    assert lags.matrices["B"].dtype == complex
    assert lags.norm["B"].dtype == float
    for name in params:
        assert lags.share[name].sum() == pytest.approx(1, abs=1e-12)
        assert lags.residual[name] < 1e-13


def test_complex_numbers_are_pairs_of_real_ones(some):
    """The same unit in real numbers has the same gradient by its real parameters, lag for lag."""
    B_a, B_b = some(H, I), some(H, I)
    params = {"nu": some(H), "theta": some(H)}
    x, d_a, d_b, a, b = some(T, B, I), some(T, B, H), some(T, B, H), some(B, H), some(B, H)
    complex_ = by_lag(
        complex_unit,
        params | {"B": torch.complex(B_a, B_b)},
        x,
        torch.complex(a, b),
        torch.complex(d_a, d_b),
    )
    real = by_lag(linear_recurrent_unit, params | {"B_a": B_a, "B_b": B_b}, x, (a, b), (d_a, d_b))
    for name in params:
        np.testing.assert_allclose(complex_.norm[name], real.norm[name], rtol=1e-12)
    both = np.hypot(real.norm["B_a"], real.norm["B_b"])
    np.testing.assert_allclose(complex_.norm["B"], both, rtol=1e-12)
    np.testing.assert_allclose(complex_.signal, real.signal, rtol=1e-12)


def test_a_real_first_state_becomes_complex_and_a_narrow_one_wide(some, params):
    p = {"nu": some(H), "theta": some(H), "B": some(H, I, dtype=torch.complex128)}
    x, d = some(T, B, I), some(T, B, H)
    narrow = by_lag(complex_unit, p, x, torch.zeros(B, H), d)
    wide = by_lag(
        complex_unit, p, x, torch.zeros(B, H, dtype=torch.complex128), d.to(torch.complex128)
    )
    np.testing.assert_array_equal(narrow.norm["B"], wide.norm["B"])
    step = lambda p, x, h: torch.tanh(x @ p["W_F"].T) + 0.5 * h  # noqa: E731
    lags = by_lag(step, {"W_F": params["W_F"]}, x, torch.zeros(B, H), d.float())
    assert lags.residual["W_F"] < 1e-13  # in float64, as the step computes


def test_dropout_in_the_step_is_drawn_once(some, params):
    def step(p, x, h):
        return torch.tanh(x @ p["W_F"].T + nn.functional.dropout(h, 0.4) @ p["W_R"].T)

    x, d, h = some(T, B, I), some(T, B, H), some(B, H)
    torch.manual_seed(7)
    lags = by_lag(step, params, x, h, d, keep_matrices=True)
    after = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(torch.rand(3), after)  # and nothing of the user's is used up
    torch.manual_seed(7)
    agree(lags, one_copy_per_step(step, params, x, h, d))


def test_rows_may_meet(some, params):
    """As in batch normalisation: every row of the state depends on every other."""

    def step(p, x, h):
        z = x @ p["W_F"].T + h @ p["W_R"].T
        return torch.tanh((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt())

    case = step, params, some(T, B, I), some(B, H), some(T, B, H)
    agree(by_lag(*case, keep_matrices=True), one_copy_per_step(*case))
    whole, cut = by_lag(*case), by_lag(*case, max_lag=2)
    np.testing.assert_array_equal(cut.norm["W_R"], whole.norm["W_R"][:3])


def test_a_step_may_write_over_what_it_is_given(some, params):
    def step(p, x, h):
        h.mul_(0.8)
        x += 1
        return h.add_(0.2 * torch.tanh(x @ p["W_F"].T + h.clone() @ p["W_R"].T))

    def pure(p, x, h):
        return 0.8 * h + 0.2 * torch.tanh((x + 1) @ p["W_F"].T + 0.8 * h @ p["W_R"].T)

    x, h, d = some(T, B, I), some(B, H), some(T, B, H)
    before = x.clone(), h.clone()
    lags = by_lag(step, params, x, h, d, keep_matrices=True)
    agree(lags, one_copy_per_step(pure, params, x, h, d))
    assert torch.equal(x, before[0])
    assert torch.equal(h, before[1])


class Surrogate(torch.autograd.Function):
    """A spike with a gradient of its own, written the old way."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + v.abs()) ** 2


State = namedtuple("State", "v spike steps")


def test_a_named_tuple_with_a_counter_and_a_function_of_its_own(some, params):
    def step(p, x, state):
        v = 0.9 * state.v * (1 - state.spike) + x @ p["W_F"].T + state.spike @ p["W_R"].T
        return State(v, Surrogate.apply(v - 1), state.steps + 1)

    def plain(p, x, state):
        v = 0.9 * state[0] * (1 - state[1]) + x @ p["W_F"].T + state[1] @ p["W_R"].T
        return v, Surrogate.apply(v - 1)

    x, d = some(T, B, I), some(T, B, H)
    zeros = torch.zeros(B, H, dtype=torch.float64)
    counter = torch.zeros(B, dtype=torch.long)
    lags = by_lag(
        step, params, x, State(zeros, zeros, counter), State(None, d, None), keep_matrices=True
    )
    agree(lags, one_copy_per_step(plain, params, x, (zeros, zeros), (None, d)))


def test_states_and_inputs_in_a_dictionary(some, params):
    def step(p, x, state):
        return {"h": leaky(p, x["x"], state["h"]) * x["keep"]}

    x, d, h = some(T, B, I), some(T, B, H), some(B, H)
    keep = (some(T, B, 1) > -0.5).double()
    lags = by_lag(step, params, {"x": x, "keep": keep}, {"h": h}, {"h": d}, keep_matrices=True)
    joined = lambda p, x, h: leaky(p, x[:, :I], h) * x[:, I:]  # noqa: E731
    agree(lags, one_copy_per_step(joined, params, torch.cat([x, keep], 2), h, d))


def test_words_in(some):
    """Inputs of whole numbers without a feature axis."""

    def step(p, word, h):
        return torch.tanh(p["E"][word] + h @ p["W_R"].T)

    params = {"E": some(7, H), "W_R": some(H, H)}
    case = step, params, torch.arange(T * B).reshape(T, B) % 7, some(B, H), some(T, B, H)
    agree(by_lag(*case, keep_matrices=True), one_copy_per_step(*case))


def test_one_step(some, params):
    case = leaky, params, some(1, B, I), some(B, H), some(1, B, H)
    lags = by_lag(*case, keep_matrices=True)
    agree(lags, one_copy_per_step(*case))
    assert lags.horizon("W_R") == 0


def test_under_no_grad_and_in_inference_mode(some, params):
    case = leaky, params, some(T, B, I), some(B, H), some(T, B, H)
    expected = by_lag(*case).norm["W_R"]
    with torch.no_grad():
        np.testing.assert_array_equal(by_lag(*case).norm["W_R"], expected)
    with torch.inference_mode():
        case = leaky, {n: v.clone() for n, v in params.items()}, *(v.clone() for v in case[2:])
        np.testing.assert_array_equal(by_lag(*case).norm["W_R"], expected)


def test_a_gradient_that_is_zero_is_a_result(some, params):
    """A relu that is off: the state depends on W_R, and the gradient is zero all the same."""

    def step(p, x, h):
        return torch.relu(h @ p["W_R"].T - 100) + x @ p["W_F"].T

    lags = by_lag(step, params, some(T, B, I), some(B, H), some(T, B, H))
    assert not lags.norm["W_R"].any()
    assert lags.residual["W_R"] == 0
    assert lags.horizon("W_R") is None
    assert lags.horizon("W_F") == 0
    assert repr(lags) == "StepLags(lags=8, horizons=(W_F: 0, W_R: None))"


class Holder(nn.Module):
    """Keeps its weights in a list too, and reads that."""

    def __init__(self):
        super().__init__()
        self.W_F, self.W_R = (
            nn.Parameter(torch.randn(H, I).double()),
            nn.Parameter(torch.eye(H).double()),
        )
        self.kept = [self.W_F, self.W_R]

    def forward(self, x, h):
        return torch.tanh(x @ self.kept[0].T + h @ self.kept[1].T)


@pytest.mark.parametrize("layer", [False, True])
def test_a_module_by_functional_call(layer, some):
    """A cell, and a layer that is called step by step, give the same lags."""
    module = (nn.GRU if layer else nn.GRUCell)(I, H).double()
    x, h, d = some(T, B, I), some(B, H), some(T, B, H)

    def step(p, x, h):
        if layer:
            return functional_call(module, p, (x[None], h[None]))[1][0]
        return functional_call(module, p, (x, h))

    params = dict(module.named_parameters())
    agree(
        by_lag(step, params, x, h, d, keep_matrices=True), one_copy_per_step(step, params, x, h, d)
    )


def test_a_parameter_that_never_reaches_the_state_is_named(some, params):
    x, h, d = some(T, B, I), some(B, H), some(T, B, H)
    for name, each in {
        "detached": lambda p, x, h: leaky({**p, "W_R": p["W_R"].detach()}, x, h),
        "other tensors": lambda p, x, h: leaky({**p, "W_R": params["W_R"]}, x, h),
        "the outputs alone": lambda p, x, h: leaky({**p, "W_R": p["W_R"].data}, x, h),
    }.items():
        for max_lag in (None, 2):
            with pytest.raises(
                OptionError, match=r"params\['W_R'\]: expected .* never reaches"
            ) as caught:
                by_lag(each, params, x, h, d, max_lag)
            assert "W_F" not in str(caught.value), name
    with pytest.raises(OptionError, match=r"params\['head'\].*Leave out of params"):
        by_lag(leaky, params | {"head": some(2, H)}, x, h, d)


def test_a_step_that_draws_on_no_parameter(some, params):
    x, h, d = some(T, B, I), some(B, H), some(T, B, H)
    cell = Holder()
    own = dict(cell.named_parameters())
    for step in (
        lambda p, x, h: functional_call(cell, p, (x, h)),
        lambda p, x, h: 0.5 * h,
        torch.no_grad()(lambda p, x, h: leaky({"W_F": p["W_F"], "W_R": p["W_R"]}, x, h)),
    ):
        with pytest.raises(
            OptionError, match=r"params\['W_F'\], params\['W_R'\]: .*none that the step reads"
        ):
            by_lag(step, own, x, h, d)


def test_what_a_step_returns(some, params):
    x, h, d = some(T, B, I), some(B, H), some(T, B, H)
    with pytest.raises(
        OptionError, match=r"the next state, in the form of state0.*step\(params, x, state\)\[1\]"
    ):
        by_lag(lambda p, x, h: (x.sum(1), leaky(p, x, h)), params, x, h, d)
    pair = lambda p, x, s: (x, (leaky(p, x, s[0]), s[1]))  # noqa: E731
    with pytest.raises(OptionError, match=r"step\(params, x, state\)\[1\]"):
        by_lag(pair, params, x, (h, h), (d, d))
    with pytest.raises(
        OptionError, match=r"step: expected a state of shapes \[\(3, 5\)\], got \['NoneType'\]"
    ):
        by_lag(lambda p, x, h: None, params, x, h, d)
    listed = by_lag(lambda p, x, s: [leaky(p, x, s[0]), s[1]], params, x, (h, h), (d, None))
    np.testing.assert_array_equal(listed.norm["W_R"], by_lag(leaky, params, x, h, d).norm["W_R"])
    with pytest.raises(DTypeError, match=r"step: expected a state of torch\.float64"):
        by_lag(lambda p, x, h: leaky(p, x, h).float(), params, x, h, d)


WHOLE = torch.ones(H, H, dtype=torch.long)


@pytest.mark.parametrize(
    ("change", "error", "part"),
    [
        ({"params": {}}, OptionError, "params: expected a dictionary of at least one tensor"),
        ({"params": [torch.ones(2)]}, OptionError, "params: expected a dictionary .* got list"),
        (
            {"params": {"W_F": np.ones(3)}},
            DTypeError,
            r"params\['W_F'\]: expected a tensor, got ndarray",
        ),
        (
            {"params": {"W_R": WHOLE}},
            DTypeError,
            r"params\['W_R'\]: expected floating-point .*int64",
        ),
        ({"params": {"W_R": WHOLE > 0}}, DTypeError, "torch.bool. Leave it out of params"),
        (
            {"params": {"W_R": torch.full((H, H), np.nan)}},
            NonFiniteError,
            r"params\['W_R'\].*nan at \[0, 0\]",
        ),
        ({"x": torch.ones(0, B, I)}, ShapeError, "x: expected at least one step"),
        ({"x": torch.ones(T)}, ShapeError, r"x: expected shape \(T, B, \.\.\.\)"),
        ({"x": np.ones((T, B, I))}, DTypeError, "x: expected a tensor, got ndarray"),
        ({"x": None}, DTypeError, "x: expected a tensor, got NoneType"),
        ({"x": (torch.ones(T, B, I), torch.ones(T, 1))}, ShapeError, "same T and B"),
        (
            {"state0": torch.zeros(H)},
            ShapeError,
            r"state0: expected shape \(3, \.\.\.\).*expand\(3, -1\)",
        ),
        (
            {"state0": torch.zeros(1, B, H)},
            ShapeError,
            r"Put the sequences first, state0\.transpose",
        ),
        ({"params": {"W_R": torch.eye(H).to_sparse()}}, DTypeError, "expected a dense tensor"),
        ({"state0": None}, DTypeError, "state0: expected a tensor, got NoneType"),
        (
            {"state0": torch.zeros(B, H, dtype=torch.long)},
            DTypeError,
            "state0: expected at least one part of floating",
        ),
        ({"dstate": None}, OptionError, "dstate: expected an error for at least one part"),
        (
            {"dstate": (torch.ones(T, B, H),) * 2},
            ShapeError,
            "dstate: expected a tensor, .* got a tuple of 2",
        ),
        ({"dstate": torch.ones(T - 1, B, H)}, ShapeError, r"dstate: expected shape \(8, 3, 5\)"),
        (
            {"dstate": torch.ones(T, B, H, dtype=torch.cfloat)},
            DTypeError,
            "dstate: expected real numbers",
        ),
        (
            {"dstate": torch.full((T, B, H), np.inf)},
            NonFiniteError,
            r"dstate: .*inf at \[0, 0, 0\]",
        ),
    ],
)
def test_arguments_that_do_not_fit(change, error, part, some, params):
    case = {
        "params": params,
        "x": some(T, B, I),
        "state0": some(B, H),
        "dstate": some(T, B, H),
    } | change
    with pytest.raises(error, match=part):
        by_lag(lambda p, x, h: h if h.dtype == torch.long else leaky(p, x, h), **case)


def test_errors_of_another_type_are_taken_in_the_type_of_the_state(some, params):
    x, h, d = some(T, B, I), some(B, H), torch.ones(T, B, H)
    expected = by_lag(leaky, params, x, h, d.double()).norm["W_R"]
    for each in (d, d.half(), d.long()):
        np.testing.assert_array_equal(by_lag(leaky, params, x, h, each).norm["W_R"], expected)


def test_what_leaves_the_type_is_named_with_its_step_or_its_lag(some):
    grow = lambda p, x, h: x @ p["W_F"].T + h @ p["W_R"].T  # noqa: E731
    params = {"W_F": torch.ones(2, 1), "W_R": 100 * torch.eye(2)}
    x, h, d = torch.ones(40, 1, 1), torch.zeros(1, 2), torch.ones(40, 1, 2)
    with pytest.raises(
        NonFiniteError, match=r"step: expected finite states, got .*inf at \[0, \d\] after step 20"
    ):
        by_lag(grow, params, x, h, d)  # 100^20 > 3.4e38
    with pytest.raises(
        NonFiniteError, match=r"within float32 at every lag, got .* lag 20\. .*max_lag=19"
    ):
        by_lag(grow, params, 0 * x, h, d)
    assert np.isfinite(by_lag(grow, params, 0 * x, h, d, max_lag=19).norm["W_R"]).all()
    root = lambda p, x, h: torch.sqrt(h * 0) + x @ p["W_F"].T  # noqa: E731
    with pytest.raises(
        NonFiniteError, match=r"lag 1\. Look in the step for a function without a finite"
    ):
        by_lag(root, {"W_F": params["W_F"]}, x, h + 1, d)


def test_a_memory_of_its_own_is_refused(some, params):
    memory = []

    def step(p, x, h):
        memory.append(1)
        return leaky(p, x, h) * len(memory)

    with pytest.raises(ResidualError, match="it may keep no memory of its own"):
        by_lag(step, params, some(T, B, I) / 1e6, some(B, H) / 1e6, some(T, B, H))


def test_the_fraction_of_a_horizon(some, params):
    lags = by_lag(leaky, params, some(T, B, I), some(B, H), some(T, B, H))
    norm = lags.norm["W_R"]
    k = next(k for k in range(T) if norm[: k + 1].sum() >= 0.5 * norm.sum())
    assert lags.horizon("W_R", 0.5) == k
    assert lags.horizon("W_R", 1) == T - 1
    with pytest.raises(OptionError, match="p: expected"):
        lags.horizon("W_R", 95)
