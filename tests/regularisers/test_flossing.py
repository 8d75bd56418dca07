"""Flossing: exponents against determinants and closed forms, gradients against the complex step."""

import numpy as np
import pytest

import bptt
from bptt.cells.activations import ACTIVATIONS
from bptt.errors import NonFiniteError, OptionError, ShapeError
from bptt.reference import PHI
from bptt.regularisers.flossing import floss, lyapunov_loss
from tests.conftest import random_layer, relative

T, B, I, H = 12, 2, 3, 5
# The reference's own has |z|, which no complex step passes.
SLOPE = {name: dphi for name, (_, dphi) in PHI.items()}
SLOPE["softsign"] = lambda z: 1 / (1 + z * np.sign(z.real)) ** 2
VALUE = {name: phi for name, (phi, _) in PHI.items()}
VALUE["softsign"] = lambda z: z / (1 + z * np.sign(z.real))
# Of units that are at rest or saturated not every direction survives.
CASES = [
    (phi, n) for phi in ACTIVATIONS for n in (1, 3, H) if n == 1 or phi not in ("relu", "hard_tanh")
]
Z = np.array([-9.0, -1.7, -0.5, -1e-3, 1e-3, 0.4, 0.9, 2.3])


def slow_loss(W_F, W_R, b, phi, x, h0, count, skip):
    """L by Gram and Schmidt, vector by vector; no modulus, so that the weights may be complex."""
    value, slope = VALUE[phi], SLOPE[phi]
    start = np.linalg.qr(np.random.default_rng(0).standard_normal((len(W_R), count)))[0]
    total = np.zeros(count, complex)
    for n in range(x.shape[1]):
        h, vectors = h0[n], list(start.T)
        for t in range(len(x)):
            z = W_F @ x[t, n] + W_R @ h + b
            h = value(z)
            done = []
            for i, v in enumerate(vectors):
                v = slope(z) * (W_R @ v)
                for q in done:
                    v = v - (q @ v) * q
                r = np.sqrt(v @ v)
                done.append(v / r)
                if t >= skip:
                    total[i] += np.log(r)
            vectors = done
    exponents = total / ((len(x) - skip) * x.shape[1])
    return (exponents**2).sum(), exponents


@pytest.mark.parametrize(("phi", "count"), CASES)
def test_value_and_gradient(rng, phi, count):
    layer = random_layer(rng, gain=1.2, activation=phi)
    x, h0 = 0.2 * rng.normal(size=(T, B, I)), rng.normal(size=(B, H))
    L, exponents, grads = lyapunov_loss(layer, x, count, h0, skip=2)
    theta = layer.parameters()
    exact = slow_loss(*theta.values(), phi, x, h0, count, 2)
    assert L == pytest.approx(exact[0].real, rel=1e-12)
    assert np.abs(exponents - exact[1].real).max() < 1e-12
    for name, value in theta.items():
        step = np.empty(value.shape)
        for index in np.ndindex(*value.shape):
            moved = {key: array.astype(complex) for key, array in theta.items()}
            moved[name][index] += 1e-30j
            step[index] = slow_loss(*moved.values(), phi, x, h0, count, 2)[0].imag / 1e-30
        assert np.abs(grads[f"d{name}"] - step).max() < 1e-10 * max(1, np.abs(step).max())


def test_gradient_by_finite_differences(rng):
    """Of the function itself, by every weight."""
    layer = random_layer(rng, gain=1.5)
    x = rng.normal(size=(40, B, I))
    _, _, grads = lyapunov_loss(layer, x, 3)
    for name, value in layer.parameters().items():
        step = np.empty(value.shape)
        for index in np.ndindex(*value.shape):
            kept, ends = value[index], []
            for eps in (1e-5, -1e-5):
                value[index] = kept + eps
                ends.append(lyapunov_loss(layer, x, 3)[0])
            value[index] = kept
            step[index] = (ends[0] - ends[1]) / 2e-5
        assert relative(grads[f"d{name}"], step) < 1e-6


@pytest.mark.parametrize("phi", ACTIVATIONS)
def test_curvature_is_the_slopes_complex_step(phi):
    a, dphi = ACTIVATIONS[phi], SLOPE[phi]
    h = a.value(Z)
    step = np.imag(dphi(Z + 1e-30j)) / 1e-30
    assert np.allclose(a.curvature(Z, h, a.derivative(Z, h)), step, rtol=1e-12, atol=1e-15)


def test_all_exponents_are_the_volumes(rng):
    """Σ_i λ_i = mean ln |det J_t|, in whichever direction it is followed."""
    layer = random_layer(rng)
    x = rng.normal(size=(30, B, I))
    _, exponents, _ = lyapunov_loss(layer, x, H, skip=0)
    whole = bptt.lyapunov(layer.forward(x), skip=0).exponents
    assert exponents.sum() == pytest.approx(whole.sum(), rel=1e-12)


def test_exponents_are_those_of_errors_carried_back(rng):
    """The leading ones, over many steps, within the scatter."""
    layer = random_layer(rng, gain=1.5)
    x = rng.normal(size=(3000, B, I))
    _, exponents, _ = lyapunov_loss(layer, x, 3)
    found = bptt.lyapunov(layer.forward(x), count=3)
    assert np.abs(exponents - found.exponents).max() < 4 * found.stderr.max()


def test_linear_network(rng):
    """λ_i = ln |eigenvalue|, and dL = 2 λ dλ, both by hand for a symmetric W_R."""
    V = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    values = np.array([1.5, 0.9, 0.5])
    layer = bptt.RNN(np.eye(3), V * values @ V.T, np.zeros(3), "identity")
    L, exponents, grads = lyapunov_loss(layer, np.zeros((400, 1, 3)), 2, skip=200)
    assert np.allclose(exponents, np.log(values[:2]), atol=1e-10)
    assert pytest.approx(np.square(np.log(values[:2])).sum(), abs=1e-10) == L
    # dλ_i = d(eigenvalue)/eigenvalue = v_i v_iᵀ / eigenvalue
    exact = (V[:, :2] * (2 * np.log(values[:2]) / values[:2])) @ V[:, :2].T
    assert np.abs(grads["dW_R"] - exact).max() < 0.02  # the directions turn in over the first steps
    assert not grads["dW_F"].any()


def test_float32(rng):
    layer = random_layer(rng)
    x = rng.normal(size=(T, B, I)).astype("float32")
    single = bptt.RNN(*(p.astype("float32") for p in layer.parameters().values()))
    exact, found = lyapunov_loss(layer, x.astype("float64"), 2), lyapunov_loss(single, x, 2)
    assert found[0] == pytest.approx(exact[0], rel=1e-5)
    for name, gradient in found[2].items():
        assert gradient.dtype == "float32"
        assert relative(gradient, exact[2][name]) < 1e-4


def test_flossing_lets_the_gradient_through(rng):
    """A fresh tanh layer: exponents from -0.6 to near 0, and the error of T/2 steps ago with them."""
    layer = bptt.RNN.init(4, 40, rng=0)
    x = rng.normal(size=(60, 4, 4)).astype("float32")
    before = {name: value.copy() for name, value in layer.parameters().items()}
    seen = []
    flossed, history = floss(layer, x, count=4, progress=seen.append)
    assert seen == history
    assert [each.done for each in history] == list(range(101))
    assert history[0].exponents.max() < -0.4
    assert np.abs(history[-1].exponents).max() < 0.05
    assert history[-1].loss == pytest.approx(np.square(history[-1].exponents).sum())
    dh = np.zeros((60, 4, 40), "float32")
    dh[-1] = rng.normal(size=(4, 40))
    fade = [bptt.by_lag(each.forward(x), dh).log10_signal[30] for each in (layer, flossed)]
    assert fade[0] < -5
    assert abs(fade[1]) < 1
    # bptt.lyapunov sees it too
    assert abs(bptt.lyapunov(flossed.forward(x), count=1).exponents[0]) < 0.1
    assert flossed.dtype == "float32"
    for name, value in layer.parameters().items():
        assert np.array_equal(value, before[name])


def test_one_step_of_adam(rng):
    """The first step moves every weight by lr against its gradient's sign."""
    layer = random_layer(rng)
    x = rng.normal(size=(T, B, I))
    grads = lyapunov_loss(layer, x, 2)[2]
    changed, _ = floss(layer, x, count=2, updates=1, lr=0.01)
    for name, value in layer.parameters().items():
        moved = changed.parameters()[name] - value
        assert np.allclose(moved, -0.01 * np.sign(grads[f"d{name}"]), rtol=1e-4)


def test_ten_updates_are_those_of_torch_adam(rng):
    """The optimiser is Adam with PyTorch's constants, on the gradient of L."""
    torch = pytest.importorskip("torch")
    layer, x = random_layer(rng), rng.normal(size=(T, B, I))
    theta = {n: torch.tensor(v.copy(), requires_grad=True) for n, v in layer.parameters().items()}
    adam = torch.optim.Adam(theta.values(), 0.01)
    for _ in range(10):
        there = bptt.RNN(*(theta[n].detach().numpy() for n in layer.parameters()), layer.phi)
        for name, g in lyapunov_loss(there, x, 2)[2].items():
            theta[name.removeprefix("d")].grad = torch.tensor(g)
        adam.step()
    flossed, history = floss(layer, x, count=2, updates=10.0, lr=0.01)
    assert len(history) == 11
    for name, value in flossed.parameters().items():
        np.testing.assert_allclose(value, theta[name].detach().numpy(), rtol=1e-9, atol=1e-12)


def test_default_count(rng):
    _, history = floss(bptt.RNN.init(3, 30, rng=0), np.ones((10, 1, 3), "float32"), updates=1)
    assert len(history[0].exponents) == 3


X = np.ones((T, B, I))


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (lambda: lyapunov_loss(bptt.GRU.init(I, 4, rng=0, dtype="float64"), X, 1), "layer"),
        (lambda: floss(bptt.LSTM.init(I, 4, rng=0, dtype="float64"), X), "layer"),
        (lambda: lyapunov_loss(own(), X, 1), "layer"),
        (lambda: lyapunov_loss(plain(), X, 0), "count"),
        (lambda: lyapunov_loss(plain(), X, 9), "count"),
        (lambda: lyapunov_loss(plain(), X, 2.5), "count"),
        (lambda: lyapunov_loss(plain(), X, 1, skip=0.5), "skip"),
        (lambda: floss(plain(), X, updates=2.5), "updates"),
        (lambda: lyapunov_loss(plain(), X, 1, skip=T), "skip"),
        (lambda: floss(plain(), X, updates=0), "updates"),
        (lambda: floss(plain(), X, lr=0.0), "lr"),
    ],
)
def test_refused(action, name):
    with pytest.raises(OptionError, match=f"^{name}: expected"):
        action()


def plain():
    return bptt.RNN.init(I, 8, rng=0, dtype="float64")


def own():
    return bptt.RNN.init(I, 8, activation=(np.sin, np.cos), rng=0, dtype="float64")


def test_wrong_shape():
    with pytest.raises(ShapeError, match="x: expected"):
        lyapunov_loss(plain(), X[..., :2], 1)


def test_dead_units():
    layer = bptt.RNN(np.ones((3, 1)), np.eye(3), np.array([1.0, 1.0, -100.0]), "relu")
    with pytest.raises(NonFiniteError, match=r"count: expected 3 directions .* got 2"):
        lyapunov_loss(layer, np.ones((10, 1, 1)), 3)


def test_a_chaotic_layer_over_too_many_steps(rng):
    """The gradient of an exponent explodes as that of any loss does: e^{1.3·100} is beyond float32."""
    layer = bptt.RNN.init(2, 100, "gaussian", gain=12.0, rng=0)
    with pytest.raises(NonFiniteError, match="x: expected a gradient of L within float32"):
        lyapunov_loss(layer, 0.1 * rng.normal(size=(300, 1, 2)).astype("float32"), 2)
