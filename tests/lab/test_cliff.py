"""The cliff against a textbook loop and complex step; descent against the rule written out."""

import numpy as np
import pytest

from bptt.errors import BpttError, NonFiniteError, OptionError, ShapeError
from bptt.lab import cliff


def error(w, b, steps=50):
    """(σ(x_50) - 0.7)² of x ← w σ(x) + b from ½, as the paper has it; w real or complex."""
    x = 0.5
    for _ in range(steps):
        x = w / (1 + np.exp(-x)) + b
    return (1 / (1 + np.exp(-x)) - 0.7) ** 2


def slope(w, b, steps=50):
    return float(np.imag(error(w + 1e-30j, b, steps))) / 1e-30


@pytest.mark.parametrize("b", [-3.0, -2.35, -2.0, 0.5])
@pytest.mark.parametrize("steps", [1, 2, 50])
def test_error_and_slope(b, steps):
    w = np.linspace(-3, 7, 131)  # more than two layers of units
    found = cliff.surface(w, b, steps)
    assert found.E.shape == found.dE_dw.shape == w.shape
    for i, one in enumerate(w):
        # a difference in rounding grows as a perturbation does, by up to 1.6 a step
        size = max(1.0, abs(slope(one, b, steps)))
        assert abs(found.E[i] - error(one, b, steps)) < 1e-12 * size
        assert found.dE_dw[i] == pytest.approx(slope(one, b, steps), rel=1e-9, abs=1e-13 * size)


def test_a_grid_of_w_and_b():
    w, b = np.linspace(4, 5, 9)[:, None], np.linspace(-2.5, -2, 11)
    found = cliff.surface(w, b)
    assert found.E.shape == found.w.shape == found.b.shape == (9, 11)
    for i, j in ((0, 0), (4, 7), (8, 10)):
        assert found.E[i, j] == pytest.approx(error(w[i, 0], b[j]), abs=1e-11)
        assert found.dE_dw[i, j] == pytest.approx(slope(w[i, 0], b[j]), rel=1e-9)
    assert cliff.surface(4.5).E.shape == ()


def test_the_wall_is_where_the_slope_is_largest():
    found = cliff.steepest()
    dense = np.linspace(4, 6, 400_001)
    step = 1e-30
    exact = np.imag(error(dense + 1j * step, cliff.B)) / step
    best = np.abs(exact).argmax()
    assert found.w == pytest.approx(dense[best], abs=5e-6)
    # what lies between two of these points may be a little steeper
    assert 1 - 1e-9 <= found.dE_dw / exact[best] < 1 + 1e-5
    assert abs(found.dE_dw) > 1000 * abs(cliff.surface(cliff.FROM).dE_dw)
    # near to where x_0 = ½ is the fixed point that states leave
    assert found.w == pytest.approx((0.5 - cliff.B) * (1 + np.exp(-0.5)), abs=0.01)
    assert found.E == pytest.approx(error(found.w, cliff.B), abs=1e-9)


def test_the_wall_stays_between_the_weights_asked_for():
    found = cliff.steepest(5.0, 5.5)
    w = np.linspace(5.0, 5.5, 2001)
    assert 5.0 <= found.w <= 5.5
    assert abs(found.dE_dw) >= max(abs(slope(one, cliff.B)) for one in w) * (1 - 1e-12)


@pytest.mark.parametrize("clip", [None, 0.05])
def test_descent(clip):
    path = cliff.descent(4.9, lr=0.3, clip=clip, count=8, b=-2.2)
    w = 4.9
    for n in range(8):
        g = slope(w, -2.2)
        assert path.w[n] == pytest.approx(w, abs=1e-9)
        assert path.E[n] == pytest.approx(error(w, -2.2), abs=1e-9)
        assert path.dE_dw[n] == pytest.approx(g, rel=1e-7)
        taken = g if clip is None or abs(g) <= clip else clip * np.sign(g)
        assert path.taken[n] == pytest.approx(taken, rel=1e-7)
        w -= 0.3 * taken
    assert path.w[-1] == pytest.approx(w, abs=1e-9)
    assert len(path.rows()) == 9
    assert path.rows()[-1] == {
        "step": 8, "w": path.w[-1], "E": path.E[-1], "dE_dw": path.dE_dw[-1],
    }  # fmt: skip


def test_one_step_from_the_wall():
    """Unclipped it is thrown far beyond the valley; clipped it stays beside the wall."""
    wall = cliff.steepest()
    thrown = cliff.descent(wall.w, count=1)
    kept = cliff.descent(wall.w, clip=cliff.CLIP, count=1)
    assert thrown.w[1] == pytest.approx(
        wall.w - cliff.LEARNING_RATE * slope(wall.w, cliff.B), rel=1e-6
    )
    assert kept.w[1] == pytest.approx(wall.w + cliff.LEARNING_RATE * cliff.CLIP)
    assert kept.E[1] < 0.02 < 0.08 < thrown.E[1]


def test_the_defaults_teach_what_clipping_does():
    free, clipped = cliff.descent(), cliff.descent(clip=cliff.CLIP)
    assert cliff.LOW < free.w[: free.longest + 1].min()  # until it meets the wall
    assert free.w[-1] > 10 * cliff.HIGH
    assert free.E[-1] == pytest.approx(0.09, abs=1e-3)  # (1 - 0.7)²: a plateau
    assert clipped.w.max() == cliff.FROM
    assert clipped.E[-5:].max() < 0.01
    assert np.abs(clipped.taken).max() == cliff.CLIP


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: cliff.surface([4.0, np.nan]), NonFiniteError, "w"),
        (lambda: cliff.surface([]), ShapeError, "w"),
        (lambda: cliff.surface("wide"), BpttError, "w"),
        (lambda: cliff.surface([4.0, 5.0], [1.0, 2.0, 3.0]), ShapeError, "b"),
        (lambda: cliff.surface(4.0, steps=0), OptionError, "steps"),
        (lambda: cliff.surface(4.0, steps=2.5), OptionError, "steps"),
        (lambda: cliff.steepest(5.0, 4.0), OptionError, "low"),
        (lambda: cliff.descent(lr=0.0), OptionError, "lr"),
        (lambda: cliff.descent(lr=np.nan), OptionError, "lr"),
        (lambda: cliff.descent(clip=-1.0), OptionError, "clip"),
        (lambda: cliff.descent(count=0), OptionError, "count"),
        (lambda: cliff.descent(count=1.5), OptionError, "count"),
        (lambda: cliff.descent(w=np.inf), NonFiniteError, "w"),
    ],
)
def test_bad_input(call, error, named):
    with pytest.raises(error) as raised:
        call()
    assert raised.value.argument == named


def test_a_whole_float_counts_as_NumPy_users_expect():
    assert cliff.descent(count=3.0, steps=10.0).w.shape == (4,)
