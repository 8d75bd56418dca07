"""tanh and the logistic function to 2 units in the last place, their slopes to 3, over the whole range."""

from importlib import import_module

import numpy as np
import pytest

from bptt.cells.activations import ACTIVATIONS
from bptt.kernels import instruction_sets

NUMBERS = {name: number for number, name in enumerate(ACTIVATIONS)}
WIDER = {"float32": np.float64, "float64": np.longdouble}


def everywhere(dtype):
    """Numbers of every size and both signs: normal, denormal, and densely where the curves bend."""
    info = np.finfo(dtype)
    integers = {"float32": np.uint32, "float64": np.uint64}[dtype]
    top = int(np.array(info.max, dtype).view(integers))
    sizes = np.linspace(0, top, 1_000_003).astype(integers).view(dtype)
    rng = np.random.default_rng(0)
    bend = rng.uniform(0, 60, 1_000_000).astype(dtype), rng.exponential(1, 300_000).astype(dtype)
    deep = np.linspace(60, 800, 300_000).astype(dtype)  # where e^-2|z| and e^-|z| turn denormal
    sizes = np.concatenate([sizes, *bend, deep, [info.smallest_subnormal, info.tiny]]).astype(dtype)
    return np.concatenate([sizes, -sizes])


def units(found, exact, dtype):
    """The largest distance in units in the last place of the exact result."""
    with np.errstate(under="ignore", invalid="ignore"):
        unit = np.spacing(np.abs(exact).astype(dtype)).astype(exact.dtype)
    return float((np.abs(found - exact) / unit).max())


def logistic(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def logistic_slope(z):
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


EXACT = {
    ("tanh", "value"): np.tanh,
    ("tanh", "slope"): lambda z: 4 * logistic_slope(2 * z),
    ("logistic", "value"): logistic,
    ("logistic", "slope"): logistic_slope,
}


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize(("name", "what"), EXACT)
def test_units_in_the_last_place(name, what, dtype):
    """Every instruction set against one exact answer, which takes longer than all of them."""
    z = everywhere(dtype)
    out = np.empty_like(z)
    with np.errstate(under="ignore"):
        exact = EXACT[name, what](z.astype(WIDER[dtype]))
    for each in instruction_sets.available():
        module = import_module(f"bptt.kernels._{each}")
        getattr(module, what)(NUMBERS[name], z, out)
        assert units(out, exact, dtype) <= (2 if what == "value" else 3), each


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_others_are_numpys(module, name, dtype):
    z = np.linspace(-30, 30, 20_001).astype(dtype)
    h = ACTIVATIONS[name].value(z)
    eps = np.finfo(dtype).eps
    for what, expected in (("value", h), ("slope", ACTIVATIONS[name].derivative(z, h))):
        out = np.empty_like(z)
        getattr(module, what)(NUMBERS[name], z, out)
        # The scaled tanh rounds 2z/3 before it enters an exponential: 60 eps there.
        assert np.allclose(out, expected, rtol=100 * eps, atol=0)


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_infinity_and_nan(module, name, dtype):
    z = np.array([np.inf, -np.inf, np.nan], dtype)
    out = np.empty_like(z)
    if name != "softsign":  # inf / inf
        module.value(NUMBERS[name], z, out)
        limits = ACTIVATIONS[name].value(np.array([1e30, -1e30]))
        expected = np.where(np.abs(limits) < 1e9, limits, np.copysign(np.inf, limits))
        assert np.allclose(out[:2], expected, rtol=1e-6)
    module.value(NUMBERS[name], z, out)
    assert np.isnan(out[2])
    if name in ("tanh", "logistic"):
        module.slope(NUMBERS[name], z, out)
        assert np.array_equal(out, [0, 0, np.nan], equal_nan=True)
