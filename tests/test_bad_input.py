"""Every way in refuses what does not fit, naming the argument, what was expected and what came."""

import numpy as np
import pytest

import bptt
from bptt import errors

H, I, T, B, O = 4, 3, 5, 2, 6
NAN = np.full((T, B, I), np.nan)


def layer():
    return bptt.RNN(np.zeros((H, I)), np.eye(H), np.zeros(H))


def network(**options):
    return bptt.Network(layer(), np.zeros((O, H)), np.zeros(O), **options)


X, Y, DH = np.zeros((T, B, I)), np.zeros((T, B), int), np.ones((T, B, H))

CASES = {
    "W_F has one axis": (lambda: bptt.RNN(np.zeros(3), np.eye(3), np.zeros(3)), errors.ShapeError, "W_F"),
    "W_R is not square": (
        lambda: bptt.RNN(np.zeros((H, I)), np.zeros((H, 3)), np.zeros(H)), errors.ShapeError, "W_R"),
    "gate count": (
        lambda: bptt.RNN(np.zeros((H, I)), np.zeros((4 * H, H)), np.zeros(H)), errors.ShapeError, "W_R"),
    "b is too long": (
        lambda: bptt.RNN(np.zeros((H, I)), np.eye(H), np.zeros(H + 1)), errors.ShapeError, "b"),
    "weights are integers": (
        lambda: bptt.RNN(np.zeros((H, I), int), np.eye(H), np.zeros(H)), errors.DTypeError, "W_F"),
    "weights of two types": (
        lambda: bptt.RNN(np.zeros((H, I), "f4"), np.eye(H), np.zeros(H)), errors.DTypeError, "W_R"),
    "weights are half": (
        lambda: bptt.RNN(np.zeros((H, I), "f2"), np.eye(H), np.zeros(H)), errors.DTypeError, "W_F"),
    "weights are NaN": (
        lambda: bptt.RNN(np.zeros((H, I)), np.eye(H) * np.nan, np.zeros(H)), errors.NonFiniteError, "W_R"),
    "weights are text": (
        lambda: bptt.RNN("abc", np.eye(H), np.zeros(H)), errors.DTypeError, "W_F"),
    "weights are ragged": (
        lambda: bptt.RNN([[1, 2], [3]], np.eye(H), np.zeros(H)), errors.DTypeError, "W_F"),
    "unknown activation": (
        lambda: bptt.RNN(np.zeros((H, I)), np.eye(H), np.zeros(H), "swish"), errors.OptionError, "activation"),
    "x of the wrong width": (lambda: layer().forward(np.zeros((T, B, I + 1))), errors.ShapeError, "x"),
    "x without a batch": (lambda: layer().forward(np.zeros((T, I))), errors.ShapeError, "x"),
    "x of no steps": (lambda: layer().forward(np.zeros((0, B, I))), errors.ShapeError, "x"),
    "x of another type": (lambda: layer().forward(X.astype("f4")), errors.DTypeError, "x"),
    "x is NaN": (lambda: layer().forward(NAN), errors.NonFiniteError, "x"),
    "x is complex": (lambda: layer().forward(X + 1j), errors.DTypeError, "x"),
    "h0 of another batch": (lambda: layer().forward(X, np.zeros((B + 1, H))), errors.ShapeError, "h0"),
    "h0 is infinite": (lambda: layer().forward(X, np.full((B, H), np.inf)), errors.NonFiniteError, "h0"),
    "dh of other steps": (
        lambda: (a := layer()).backward(a.forward(X), DH[1:]), errors.ShapeError, "dh"),
    "dh is NaN": (lambda: bptt.by_lag(layer().forward(X), DH * np.nan), errors.NonFiniteError, "dh"),
    "dh in forward mode": (lambda: bptt.forward_mode(layer(), X, DH[:, :1]), errors.ShapeError, "dh"),
    "W_O does not fit": (
        lambda: bptt.Network(layer(), np.zeros((O, H + 1)), np.zeros(O)), errors.ShapeError, "W_O"),
    "b_O does not fit": (
        lambda: bptt.Network(layer(), np.zeros((O, H)), np.zeros(O - 1)), errors.ShapeError, "b_O"),
    "unknown loss": (lambda: network(loss="hinge"), errors.OptionError, "loss"),
    "loss at no step": (lambda: network(loss_at=[]), errors.OptionError, "loss_at"),
    "loss before the start": (lambda: network(loss_at=[-1]), errors.OptionError, "loss_at"),
    "loss after the end": (lambda: network(loss_at=[T]).run(X, Y[:1]), errors.OptionError, "loss_at"),
    "loss at some word": (lambda: network(loss_at="often"), errors.OptionError, "loss_at"),
    "too few targets": (lambda: network().run(X, Y[1:]), errors.ShapeError, "targets"),
    "targets are one-hot": (
        lambda: network().run(X, np.zeros((T, B, O))), errors.DTypeError, "targets"),
    "a class too many": (lambda: network().run(X, Y + O), errors.OptionError, "targets"),
    "a negative class": (lambda: network().run(X, Y - 1), errors.OptionError, "targets"),
    "numbers are NaN": (
        lambda: network(loss="mse").run(X, np.full((T, B, O), np.nan)), errors.NonFiniteError, "targets"),
    "no network": (lambda: bptt.diagnose(layer(), (X, Y)), errors.OptionError, "model"),
    "a loss too many": (lambda: bptt.diagnose(network(), (X, Y), loss="mse"), errors.OptionError, "loss"),
    "no batch": (lambda: bptt.diagnose(network(), X), errors.OptionError, "batch"),
    "needed lag too large": (
        lambda: bptt.diagnose(network(), (X, Y), needed_lag=T), errors.OptionError, "needed_lag"),
    "a single step": (lambda: bptt.diagnose(network(), (X[:1], Y[:1])), errors.ShapeError, "x"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused_with_one_clear_line(case):
    action, error, argument = CASES[case]
    with pytest.raises(error) as caught:
        action()
    message = str(caught.value)
    assert message.startswith(f"{argument}: expected ")
    assert ", got " in message
    assert "\n" not in message
    assert isinstance(caught.value, errors.BpttError)
    assert caught.value.cure.endswith(".")


def test_every_error_is_reached():
    """A kind of error that nothing raises is one too many."""
    kinds = {error for _, error, _ in CASES.values()}
    # tests/test_network.py, tests/gradients, tests/torch_models
    others = {errors.FileError, errors.ResidualError, errors.AgreementError}
    assert kinds | others == set(errors.BpttError.__subclasses__())
