import numpy as np
import pytest

from bptt.cells.activations import ACTIVATIONS, activation
from bptt.errors import OptionError
from bptt.reference import PHI

Z = np.array([-9.0, -1.7, -0.5, -1e-3, 1e-3, 0.4, 0.9, 2.3, 30.0])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_slope_are_the_textbooks(name):
    a, (phi, dphi) = ACTIVATIONS[name], PHI[name]
    h = a.value(Z)
    assert np.allclose(h, phi(Z), rtol=1e-13, atol=1e-15)
    # In h, 1 - h² keeps absolute, not relative accuracy where tanh saturates.
    assert np.allclose(a.derivative(Z, h), dphi(Z), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_is_the_complex_steps(name):
    a, phi = ACTIVATIONS[name], PHI[name][0]
    step = np.imag(phi(Z + 1e-30j)) / 1e-30
    assert np.allclose(a.derivative(Z, a.value(Z)), step, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_steepest_slope(name):
    a = ACTIVATIONS[name]
    z = np.append(np.linspace(-3, 3, 602), [-1e-9, 1e-9])
    assert a.derivative(z, a.value(z)).max() == pytest.approx(a.steepest, rel=1e-6)


@pytest.mark.skipif(np.finfo(np.longdouble).maxexp < 16000, reason="needs numbers of 80 bits")
@pytest.mark.parametrize("name", ["tanh", "logistic", "softsign", "scaled_tanh"])
def test_slopes_below_the_type_have_all_digits(name):
    """From their logarithm those of softsign had lost the last two: a slope of 1e-356 is off by ln 1e356 units of its last place."""
    z = np.array([-1.0, 1.0])[:, None] * (
        10.0 ** np.linspace(154, 307) if name == "softsign" else np.linspace(360.0, 3000.0)
    )
    slopes, e = ACTIVATIONS[name].slope_apart(z)
    size = np.abs(z.astype(np.longdouble))
    exact = {
        "tanh": lambda: 4 * np.exp(-2 * size),
        "logistic": lambda: np.exp(-size),
        "softsign": lambda: 1 / (1 + size) ** 2,
        "scaled_tanh": lambda: (
            4
            * np.longdouble(1.7159)
            * np.longdouble(2 / 3)
            * np.exp(-2 * np.longdouble(2 / 3) * size)
        ),
    }[name]()
    off = np.abs(slopes * np.exp2(e.astype(np.longdouble)) / exact - 1) / np.finfo(float).eps
    # of e^-z the last digits are those of z
    assert (off <= 4 + (0 if name == "softsign" else 4 * size)).all()
    assert (np.abs(np.frexp(slopes)[1]) <= 3).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_type_and_range(name, dtype):
    a = ACTIVATIONS[name]
    z = np.array([-1e4, 0, 1e4], dtype)
    with np.errstate(
        over="raise", invalid="raise", divide="raise"
    ):  # no overflow on the way, however large z is
        h = a.value(z)
        slope = a.derivative(z, h)
    assert h.dtype == slope.dtype == dtype
    assert np.isfinite(h).all()
    assert h is not z  # a trace may be changed without changing z


def test_own_pair():
    a = activation((np.sin, np.cos))
    assert a.steepest is None
    assert a.value(Z.astype("float32")).dtype == "float32"


def test_alias():
    assert activation("sigmoid") is ACTIVATIONS["logistic"]


@pytest.mark.parametrize("choice", ["tahn", 3, (np.sin,), (np.sin, 2), (np.sum, np.cos)])
def test_refused(choice):
    with pytest.raises(OptionError, match="activation: expected"):
        activation(choice)
