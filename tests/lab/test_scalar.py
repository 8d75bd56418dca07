"""The unrolled expression's numbers: each factor by a textbook loop, the sum by complex step."""

import re

import numpy as np
import pytest

pytest.importorskip("sympy")

from hypothesis import given
from hypothesis import strategies as st

import bptt
from bptt.cells.activations import ACTIVATIONS
from bptt.errors import BpttError, NonFiniteError, OptionError, ShapeError
from bptt.lab.scalar import unrolled
from bptt.reference import PHI

numbers = st.floats(-2, 2, allow_subnormal=False)
PIECES = {"relu": [0.0], "leaky_relu": [0.0], "hard_tanh": [-1.0, 1.0]}


def written_out(W_F, W_R, b, x, phi, h0=0.0):
    """z_1 .. z_t and h_0 .. h_t, one line of the lecture after another; takes a complex W_R."""
    z, h = [], [h0]
    for x_t in x:
        z.append(W_F * x_t + W_R * h[-1] + b)
        h.append(phi(z[-1]))
    return z, h


def by_complex_step(W_F, W_R, b, x, phi, h0=0.0):
    """∂z_t/∂W_R of the last step."""
    return float(np.imag(written_out(W_F, W_R + 1e-30j, b, x, phi, h0)[0][-1])) / 1e-30


@st.composite
def networks(draw):
    t = draw(st.integers(1, 14))
    return {
        "W_F": draw(numbers),
        "W_R": draw(numbers),
        "b": draw(numbers),
        "x": [draw(numbers) for _ in range(t)],
        "steps": draw(st.integers(1, min(t, 12))),
        "h0": draw(numbers),
    }


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(network=networks())
def test_factors_and_sum(name, network):
    W_F, W_R, b, x, n, h0 = (network[key] for key in ("W_F", "W_R", "b", "x", "steps", "h0"))
    phi, dphi = PHI[name]
    z, h = written_out(W_F, W_R, b, x, phi, h0)
    found = unrolled(**network, activation=name)
    t = len(x)
    assert [term.lag for term in found.terms] == [*range(n), None]
    for term in found.terms[:-1]:
        k = term.lag
        # z[t-1] is z_t and h[t] is h_t
        slopes = [float(dphi(z[t - 1 - j])) for j in range(1, k + 1)]
        expected = [W_R**k] * (k > 0) + [*slopes, float(h[t - k - 1])]
        assert [f.value for f in term.factors] == pytest.approx(expected, rel=1e-12, abs=1e-14)
        assert term.product == pytest.approx(np.prod(expected), rel=1e-11, abs=1e-14)
    rest = found.terms[-1]
    far = np.imag(written_out(W_F, W_R + 1e-30j, b, x, phi, h0)[1][t - n]) / 1e-30
    slopes = [float(dphi(z[t - 1 - j])) for j in range(1, n)]
    expected = [W_R**n, *slopes, float(far)]
    scale = max(1.0, abs(float(far)))
    assert [f.value for f in rest.factors] == pytest.approx(expected, rel=1e-12, abs=1e-13 * scale)
    exact = by_complex_step(W_F, W_R, b, x, phi, h0)
    size = max(1.0, sum(abs(term.product) for term in found.terms))
    assert abs(found.total - exact) <= 1e-12 * size


@pytest.mark.parametrize("name", PIECES)
def test_activations_with_a_kink_by_finite_differences(name, rng):
    """The reference's φ shares its pieces with ours; np.interp and a difference do not."""
    straight = {
        "relu": lambda z: max(z, 0.0),
        "leaky_relu": lambda z: max(z, 0.01 * z),
        "hard_tanh": lambda z: min(max(z, -1.0), 1.0),
    }[name]
    seen = 0
    for _ in range(20):
        W_F, W_R, b = rng.normal(size=3)
        x = rng.normal(size=7)
        z = np.array(written_out(W_F, W_R, b, x, straight)[0])
        if min(np.abs(z - kink).min() for kink in PIECES[name]) < 1e-3:
            continue  # a difference across a kink is no derivative
        up, down = (written_out(W_F, W_R + e, b, x, straight)[0][-1] for e in (1e-6, -1e-6))
        found = unrolled(W_F, W_R, b, x, 5, name).total
        assert found == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-7)
        seen += 1
    assert seen > 10


def test_a_pair_of_functions():
    x = [0.3, -1.0, 0.8, 0.1]
    found = unrolled(1.2, -0.7, 0.1, x, 3, (np.sin, np.cos)).total
    assert found == pytest.approx(by_complex_step(1.2, -0.7, 0.1, x, np.sin), rel=1e-13)


def test_the_sum_is_what_backpropagation_gives(rng):
    """dW_R of E = h_t is φ′(z_t) times the expression."""
    x = rng.normal(size=(9, 1, 1))
    layer = bptt.RNN([[0.8]], [[1.3]], [0.2])
    trace = layer.forward(x)
    dh = np.zeros((9, 1, 1))
    dh[-1] = 1
    slope = 1 - float(trace.h[-1, 0, 0]) ** 2
    found = unrolled(0.8, 1.3, 0.2, x[:, 0, 0], 4)
    assert layer.backward(trace, dh).dW_R[0, 0] == pytest.approx(slope * found.total, rel=1e-12)


def test_symbols_stand_where_the_lecture_has_them():
    terms = unrolled(1.0, 0.5, 0.0, [1.0] * 5, 4).terms
    for k in range(4):
        slopes = [rf"\varphi'(z_{{t-{j}}})" for j in range(1, k + 1)]
        power = [["W_R"], [rf"W_R^{{{k}}}"]][k > 1] if k else []
        assert [f.latex for f in terms[k].factors] == [*power, *slopes, f"h_{{t-{k + 1}}}"]
    assert terms[-1].factors[-1].latex == r"\frac{\partial h_{t-4}}{\partial W_R}"
    assert terms[-1].power.latex == "W_R^{4}"


def test_rows(rng):
    x = rng.normal(size=6)
    found = unrolled(0.9, -1.4, 0.3, x, 6)
    z, h = written_out(0.9, -1.4, 0.3, x, np.tanh)
    for k, row in enumerate(found.rows()[:-1]):
        slopes = np.prod([1 - np.tanh(z[5 - j]) ** 2 for j in range(1, k + 1)])
        assert row["lag"] == k
        assert row["power"] == pytest.approx((-1.4) ** k)
        assert row["slopes"] == pytest.approx(slopes)
        assert row["state"] == pytest.approx(h[5 - k], abs=1e-15)
        assert row["product"] == pytest.approx((-1.4) ** k * slopes * h[5 - k], abs=1e-15)
    # taken back to the first step, nothing is left
    assert found.rows()[-1]["product"] == 0
    assert found.rows()[-1]["lag"] is None


def value_of(text):
    mantissa, _, exponent = text.partition(r" \cdot 10^")
    return float(mantissa) * 10.0 ** int(exponent.strip("{}") or 0)


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_latex_shows_every_factor_with_its_number(steps):
    found = unrolled(1.0, 1e-3, 0.1, np.linspace(-1, 1, 9), steps)
    text = found.latex()
    assert text.count("{") == text.count("}")
    assert text.count(r"\begin{aligned}") == text.count(r"\end{aligned}") == 1
    *lines, last = text.split(r" \\ ")
    assert len(lines) == steps + 1
    for line, term in zip(lines, found.terms, strict=True):
        braces = re.findall(r"\\underbrace\{(.*?)\}_\{(.*?)\}(?= \\, |$)", line)
        assert [symbol for symbol, _ in braces] == [f.latex for f in term.factors]
        values = [value_of(number) for _, number in braces]
        assert values == pytest.approx([f.value for f in term.factors], rel=5e-3)
        assert value_of(line.split(" &= ")[0].removeprefix(r"\begin{aligned} ")) == pytest.approx(
            term.product, rel=5e-3
        )
    total = re.search(r"\\mathbf\{(.*?)\} &= ", last)[1]
    assert value_of(total) == pytest.approx(found.total, rel=5e-3)


def test_latex_of_many_steps_fits_on_a_page():
    found = unrolled(1.0, 1.1, 0.1, np.linspace(-1, 1, 20), 15)
    lines = found.latex().split(r" \\ ")
    assert len(lines) == 8 + 1 + 1 + 1
    assert r"\text{(lag 8 to 14)}" in lines[8]
    between = sum(term.product for term in found.terms[8:15])
    assert value_of(lines[8].split(" &= ")[0]) == pytest.approx(between, rel=5e-3)
    assert lines[9].count("underbrace") == 3  # the slopes share one
    slopes = np.prod([slope.value for slope in found.terms[-1].slopes])
    assert value_of(re.findall(r"\}_\{(.*?)\} \\, ", lines[9])[1]) == pytest.approx(
        slopes, rel=5e-3
    )
    assert r"\text{(lag 8)}" in unrolled(1.0, 1.1, 0.1, np.ones(9), 9).latex()
    with pytest.raises(OptionError, match="shown"):
        found.latex(0)


@pytest.mark.parametrize(
    ("changed", "error", "named"),
    [
        ({"steps": 0}, OptionError, "steps"),
        ({"steps": 4}, OptionError, "steps"),
        ({"steps": 2.5}, OptionError, "steps"),
        ({"steps": "2"}, OptionError, "steps"),
        ({"x": np.ones(60), "steps": 60}, OptionError, "steps"),
        ({"x": []}, ShapeError, "x"),
        ({"x": [[1.0, 2.0]]}, ShapeError, "x"),
        ({"x": [1.0, np.nan]}, NonFiniteError, "x"),
        ({"W_R": np.inf}, NonFiniteError, "W_R"),
        ({"W_F": "a"}, BpttError, "W_F"),
        ({"h0": np.nan}, NonFiniteError, "h0"),
        ({"activation": "gelu"}, OptionError, "activation"),
    ],
)
def test_bad_input(changed, error, named):
    good = {"W_F": 1.0, "W_R": 0.5, "b": 0.0, "x": [1.0, 2.0, 3.0], "steps": 2}
    with pytest.raises(error) as raised:
        unrolled(**good | changed)
    assert raised.value.argument == named
