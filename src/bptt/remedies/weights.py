"""Other recurrent weights, or another activation."""

import numpy as np

from bptt.cells.initialise import SCHEMES
from bptt.diagnosis import is_identity_relu
from bptt.errors import OptionError
from bptt.layers import Layer
from bptt.regularisers.flossing import floss
from bptt.remedies.change import Change, plain_layers, with_weights
from bptt.remedies.gain import scaled, signal_preserving_gain
from bptt.remedies.subject import Subject

SEQUENCES, UPDATES, RATE = 4, 30, 1e-2  # of flossing: more cost more and change little


def gain(subject: Subject, rng: np.random.Generator) -> Change:
    """W_R times the gain at which the signal keeps its size on this batch."""
    layers = subject.layers
    g = signal_preserving_gain(subject, "gain", lambda g: [scaled(layer, g) for layer in layers])
    return Change((f"W_R times {g:.3g}",), [scaled(layer, g) for layer in layers])


def orthogonal(subject: Subject, rng: np.random.Generator) -> Change:
    """A random orthogonal W_R, gate by gate (Saxe 2014): it turns a signal and keeps its length."""
    layers = subject.layers
    for layer in layers:
        for gate in layer.cell.gates:
            layer.gate(gate)[...] = SCHEMES["orthogonal"](rng, layer.inputs, layer.hidden)[1]
    each = ", of every gate" if any(len(layer.cell.gates) > 1 for layer in layers) else ""
    return Change((f"W_R drawn orthogonal{each}",), layers)


def identity_relu(subject: Subject, rng: np.random.Generator) -> Change:
    """W_R = I, b = 0, φ = relu (Le, Jaitly & Hinton 2015); W_F stays as it is."""
    layers = plain_layers(subject, "identity-relu")
    if all(is_identity_relu(layer) and not layer.b.any() for layer in layers):
        raise OptionError(
            "identity-relu", "a layer that is not like that", "W_R the identity, b zero, relu",
            "It does not apply: there is nothing to change.",
        )  # fmt: skip
    changed = [
        with_weights(layer, "relu", W_R=np.eye(layer.hidden), b=np.zeros(layer.hidden))
        for layer in layers
    ]
    return Change(("W_R the identity", "b zero", "activation relu"), changed)


def scaled_identity(subject: Subject, rng: np.random.Generator) -> Change:
    """W_R = g I, with the gain at which the signal keeps its size on this batch."""
    layers = plain_layers(subject, "scaled-identity")

    def at(g: float) -> list[Layer]:
        return [
            with_weights(layer, W_R=g * np.eye(layer.hidden), b=np.zeros(layer.hidden))
            for layer in layers
        ]

    g = signal_preserving_gain(subject, "scaled-identity", at)
    return Change((f"W_R = {g:.3g} times the identity", "b zero"), at(g))


def activation(subject: Subject, rng: np.random.Generator) -> Change:
    """Tanh, or relu in the place of tanh; the weights stay."""
    layers = plain_layers(subject, "activation")
    other = "relu" if all(layer.phi.name == "tanh" for layer in layers) else "tanh"
    return Change((f"activation {other}",), [with_weights(layer, other) for layer in layers])


def flossing(subject: Subject, rng: np.random.Generator) -> Change:
    """The leading Lyapunov exponents pushed towards 0 before training (Engelken 2023)."""
    plain_layers(subject, "flossing")
    sentences = []
    for number, name in enumerate(subject.names):
        trace = subject.traces()[number]  # on the states that the layers below make by now
        if trace.lengths is not None or trace.resets is not None:
            raise OptionError(
                "flossing", "sequences of one length without resets", name,
                "It does not apply: exponents are followed along whole sequences.",
            )  # fmt: skip
        layer, history = floss(trace.layer, trace.x[:, :SEQUENCES], updates=UPDATES, lr=RATE)
        first, last = history[0].loss, history[-1].loss
        changed = subject.layers
        changed[number] = layer
        subject = subject.changed(changed)
        sentences.append(
            f"{name}: sum of squares of the leading exponents from {first:.2g} to {last:.2g}"
        )
    return Change(tuple(sentences), subject.layers)
