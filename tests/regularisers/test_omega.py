"""Ω against the paper's formula written as loops, the complex step and finite differences."""

import numpy as np
import pytest

import bptt
from bptt.cells.activations import ACTIVATIONS
from bptt.errors import DTypeError, NonFiniteError, OptionError, ShapeError
from bptt.reference import PHI
from bptt.regularisers.omega import from_errors, regulariser
from tests.conftest import random_layer, relative

T, B, H = 9, 3, 5


def by_loops(W_R, dz, z, dphi, cut=()):
    """Eq. 9-10 pair by pair; squares without the modulus, so that W_R may be complex."""
    terms = []
    for k in range(len(dz) - 1):
        for n in range(dz.shape[1]):
            v = dz[k + 1, n]
            if (k + 1, n) in cut or not v.any():
                continue
            u = (v @ W_R) * dphi(z[k, n])
            terms.append((u @ u / (v @ v) - 1) ** 2)
    return sum(terms) / len(terms) if terms else 0.0


def slow_errors(layer, trace, dh):
    """dz_t by the lecture's recursion."""
    dphi, dz, back = PHI[layer.phi.name][1], np.zeros_like(dh), 0.0
    for t in reversed(range(len(dh))):
        dz[t] = (dh[t] + back) * dphi(trace.z[t])
        back = dz[t] @ layer.W_R
        if trace.resets is not None:
            back[trace.resets[t]] = 0
    return dz


def complex_step(layer, dz, z, cut=()):
    """d/dW_R of ``by_loops``, entry by entry, exact to rounding."""
    found = np.empty(layer.W_R.shape)
    for index in np.ndindex(*found.shape):
        W = layer.W_R.astype(complex)
        W[index] += 1e-30j
        found[index] = by_loops(W, dz, z, PHI[layer.phi.name][1], cut).imag / 1e-30
    return found


@pytest.mark.parametrize("phi", ACTIVATIONS)
@pytest.mark.parametrize("at", ["every", "last"])
def test_value_and_gradient(rng, phi, at):
    layer = random_layer(rng, activation=phi)
    trace = layer.forward(rng.normal(size=(T, B, 3)))
    dh = rng.normal(size=(T, B, H))
    if at == "last":
        dh[:-1] = 0
    dz = slow_errors(layer, trace, dh)
    value, (gradient,) = regulariser(trace, dh)
    exact = by_loops(layer.W_R, dz, trace.z, PHI[phi][1])
    assert value == pytest.approx(exact, rel=1e-12)
    assert relative(gradient, complex_step(layer, dz, trace.z)) < 1e-12
    step = np.empty_like(gradient)
    for index in np.ndindex(*step.shape):
        ends = []
        for eps in (1e-6, -1e-6):
            W = layer.W_R.copy()
            W[index] += eps
            ends.append(by_loops(W, dz, trace.z, PHI[phi][1]))
        step[index] = (ends[0] - ends[1]) / 2e-6
    assert relative(gradient, step) < 1e-7  # of a finite difference


def test_by_hand():
    """w = 2, φ′(0) = 1 at z_0 = 0, φ′ = 1 - tanh² at z_1 = 0.5: r_0 = 4, r_1 = 4 φ′(0.5)²."""
    layer = bptt.RNN([[1.0]], [[2.0]], [0.0])
    trace = layer.forward(np.array([0.0, 0.5, 0.0]).reshape(3, 1, 1))
    slope = 1 - np.tanh(0.5) ** 2
    value, (gradient,) = regulariser(trace, np.array([0.0, 0.0, 7.0]).reshape(3, 1, 1))
    r = np.array([4.0, 4 * slope**2])
    assert value == pytest.approx(np.square(r - 1).mean(), rel=1e-14)
    # d(r-1)²/dw = 2 (r-1) 2 r / w
    assert gradient[0, 0] == pytest.approx((2 * (r - 1) * r).mean(), rel=1e-14)


def test_orthogonal_weights_of_a_linear_network_cost_nothing(rng):
    Q = np.linalg.qr(rng.normal(size=(H, H)))[0]
    layer = bptt.RNN(rng.normal(size=(H, 3)), Q, np.zeros(H), "identity")
    value, (gradient,) = regulariser(
        layer.forward(rng.normal(size=(T, B, 3))), rng.normal(size=(T, B, H))
    )
    assert value < 1e-28
    assert np.abs(gradient).max() < 1e-14


def test_lengths_and_resets(rng):
    """No pair across a cut, none behind an end."""
    layer = random_layer(rng)
    lengths, resets = np.array([T, 4, 1]), np.zeros((T, B), bool)
    resets[3, 0] = resets[6, 0] = resets[2, 1] = True
    trace = layer.forward(rng.normal(size=(T, B, 3)), lengths=lengths, resets=resets)
    dh = rng.normal(size=(T, B, H)) * (np.arange(T)[:, None] < lengths)[..., None]
    dz, cut = slow_errors(layer, trace, dh), {(3, 0), (6, 0), (2, 1)}
    value, (gradient,) = regulariser(trace, dh)
    assert value == pytest.approx(by_loops(layer.W_R, dz, trace.z, PHI["tanh"][1], cut), rel=1e-12)
    assert relative(gradient, complex_step(layer, dz, trace.z, cut)) < 1e-12


def test_one_sequence_is_its_parts(rng):
    """A stream of two episodes counts as the two episodes side by side do."""
    layer = random_layer(rng)
    x, dh = rng.normal(size=(8, 1, 3)), rng.normal(size=(8, 1, H))
    resets = np.zeros((8, 1), bool)
    resets[4] = True
    stream = regulariser(layer.forward(x, resets=resets), dh)
    two = [np.concatenate([a[:4], a[4:]], axis=1) for a in (x, dh)]
    apart = regulariser(layer.forward(two[0]), two[1])
    assert stream[0] == pytest.approx(apart[0], rel=1e-13)
    assert relative(stream[1][0], apart[1][0]) < 1e-13


def test_stack_with_both_directions(rng):
    """Every layer on its own, given the error that reaches it: from a finite difference of E by b."""
    first = bptt.Bidirectional(random_layer(rng, H=4), random_layer(rng, H=4))
    stack = bptt.Stack([first, random_layer(rng, I=8, H=5, activation="logistic")])
    lengths = [T, 5]
    trace = stack.forward(rng.normal(size=(T, 2, 3)), lengths=lengths)
    dh = rng.normal(size=(T, 2, 5)) * (np.arange(T)[:, None] < lengths)[..., None]
    value, gradients = regulariser(trace, dh)
    whole = stack.backward(trace, dh)
    values = []
    for t, gradient, grads in zip(trace.traces, gradients, whole.layers, strict=True):
        # dx = dz W_F with as many inputs as needed: solved for dz by independent inputs per unit
        wide = bptt.RNN(np.eye(t.layer.hidden), t.layer.W_R, np.zeros(t.layer.hidden), t.layer.phi)
        drive = t.x @ t.layer.W_F.T + t.layer.b
        above = errors_reaching(trace, whole, t, dh)
        apart = wide.forward(drive, lengths=lengths)
        dz = wide.backward(apart, above).dx
        assert relative(np.einsum("tbi,tbj->ij", dz, t.x), grads.dW_F) < 1e-12
        values.append(by_loops(t.layer.W_R, dz, t.z, PHI[t.layer.phi.name][1]))
        exact = complex_step(t.layer, dz, t.z)
        assert relative(gradient, exact) < 1e-12
    assert len(gradients) == 3
    assert value == pytest.approx(sum(values), rel=1e-12)


def errors_reaching(trace, whole, t, dh):
    """∂⁺E on the states of layer t: the loss for the top, dx of the layer above for the others."""
    forward, backward, top = trace.traces
    if t is top:
        return dh
    dx = whole.layers[2].dx
    if t is forward:
        return dx[..., :4]
    turned = np.zeros_like(dx[..., 4:])
    for n, length in enumerate([len(dx)] if backward.lengths is None else backward.lengths):
        turned[:length, n] = dx[:length, n, 4:][::-1]
    return turned


def test_float32_at_any_scale(rng):
    """Errors of 1e-30 and of 1: the same Ω, to the accuracy of float32."""
    layer = random_layer(rng, dtype="float64")
    x, dh = rng.normal(size=(T, B, 3)), rng.normal(size=(T, B, H))
    exact = regulariser(layer.forward(x), dh)
    single = bptt.RNN(*(p.astype("float32") for p in layer.parameters().values()))
    for scale in (1, 1e-30, 1e30):
        value, (gradient,) = regulariser(
            single.forward(x.astype("float32")), (scale * dh).astype("float32")
        )
        assert gradient.dtype == "float32"
        assert value == pytest.approx(exact[0], rel=1e-5)
        assert relative(gradient, exact[1][0]) < 1e-5


@pytest.mark.parametrize("steps", [1, 4])
def test_where_no_error_passes_two_steps(rng, steps):
    layer = random_layer(rng)
    dh = np.zeros((steps, B, H))
    dh[0] = 1
    value, (gradient,) = regulariser(layer.forward(rng.normal(size=(steps, B, 3))), dh)
    assert value == 0
    assert gradient.shape == (H, H)
    assert not gradient.any()


def test_from_the_errors_of_a_backward_pass(rng):
    layer = random_layer(rng)
    trace, dh = layer.forward(rng.normal(size=(T, B, 3))), rng.normal(size=(T, B, H))
    value, gradient = from_errors(trace, 3.0 * slow_errors(layer, trace, dh))
    whole = regulariser(trace, dh)
    assert value == pytest.approx(whole[0], rel=1e-13)
    assert relative(gradient, whole[1][0]) < 1e-13


def test_descent_brings_the_ratio_to_one(rng):
    """Following -∂⁺Ω/∂W_R, the errors' lengths are kept: Ω falls to a tenth."""
    layer = random_layer(rng, H=20, gain=0.5)
    x, dh = rng.normal(size=(T, B, 3)), np.zeros((T, B, 20))
    dh[-1] = rng.normal(size=(B, 20))
    first = regulariser(layer.forward(x), dh)[0]
    for _ in range(300):
        value, (gradient,) = regulariser(layer.forward(x), dh)
        layer.W_R -= 0.05 * gradient
    assert value < first / 10


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_gates_are_refused(rng, kind):
    net = bptt.Network.init(3, 4, 2, cell=kind, rng=0, dtype="float64")
    trace = net.body.forward(rng.normal(size=(T, B, 3)))
    with pytest.raises(OptionError, match=f"trace: expected plain RNN layers, got .*{kind}"):
        regulariser(trace, np.zeros((T, B, 4)))
    with pytest.raises(OptionError, match="Ω is defined for the plain RNN"):
        from_errors(trace, np.zeros((T, B, 4)))


def test_refused(rng):
    trace = random_layer(rng).forward(rng.normal(size=(T, B, 3)))
    with pytest.raises(ShapeError, match="dh: expected"):
        regulariser(trace, np.zeros((T, B, H + 1)))
    with pytest.raises(ShapeError, match="dz: expected"):
        from_errors(trace, np.zeros((T - 1, B, H)))
    with pytest.raises(DTypeError, match="dz: expected float64"):
        from_errors(trace, np.zeros((T, B, H), "float32"))
    with pytest.raises(NonFiniteError, match="dz: expected finite"):
        from_errors(trace, np.full((T, B, H), np.nan))
