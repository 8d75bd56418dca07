"""Other recurrent weights, or another activation."""

import numpy as np

from bptt.cells.initialise import SCHEMES
from bptt.errors import OptionError
from bptt.layers import RNN, Layer
from bptt.regularisers.flossing import floss
from bptt.remedies.change import Change, plain_layers, with_weights
from bptt.remedies.gain import scaled, signal_preserving_gain
from bptt.remedies.subject import Subject


def gain(subject: Subject, rng: np.random.Generator) -> Change:
    """W_R times the gain at which the signal keeps its size on this batch."""
    layers = subject.layers
    g = signal_preserving_gain(subject, "gain", lambda g: [scaled(layer, g) for layer in layers])
    return Change((f"W_R times {g:.3g}",), [scaled(layer, g) for layer in layers])


def orthogonal(subject: Subject, rng: np.random.Generator) -> Change:
    """A random orthogonal W_R, gate by gate (Saxe 2014): it turns a signal and keeps its length."""
    changed = []
    for layer in subject.layers:
        H, gates = layer.hidden, len(layer.cell.gates)
        parts = [SCHEMES["orthogonal"](rng, layer.inputs, H)[1] for _ in range(gates)]
        layer.W_R[...] = np.concatenate(parts)
        changed.append(layer)
    each = ", of every gate" if any(not isinstance(c, RNN) for c in changed) else ""
    return Change((f"W_R drawn orthogonal{each}",), changed)


def identity_relu(subject: Subject, rng: np.random.Generator) -> Change:
    """W_R = I, b = 0, φ = relu (Le, Jaitly & Hinton 2015); W_F stays as it is."""
    found = plain_layers(subject, "identity-relu")
    changed = [with_weights(c, "relu", W_R=np.eye(c.hidden), b=np.zeros(c.hidden)) for c in found]
    return Change(("W_R the identity", "b zero", "activation relu"), changed)


def scaled_identity(subject: Subject, rng: np.random.Generator) -> Change:
    """W_R = g I, with the gain at which the signal keeps its size on this batch."""
    found = plain_layers(subject, "scaled-identity")

    def at(g: float) -> list[Layer]:
        return [with_weights(c, W_R=g * np.eye(c.hidden), b=np.zeros(c.hidden)) for c in found]

    g = signal_preserving_gain(subject, "scaled-identity", at)
    return Change((f"W_R = {g:.3g} times the identity", "b zero"), at(g))


def activation(subject: Subject, rng: np.random.Generator) -> Change:
    """Tanh, or relu in the place of tanh; the weights stay."""
    found = plain_layers(subject, "activation")
    other = "relu" if all(c.phi.name == "tanh" for c in found) else "tanh"
    return Change((f"activation {other}",), [with_weights(c, other) for c in found])


def flossing(subject: Subject, rng: np.random.Generator) -> Change:
    """The leading Lyapunov exponents pushed towards 0 before training (Engelken 2023)."""
    plain_layers(subject, "flossing")
    first = last = np.nan
    said = []
    for number, name in enumerate(subject.names):
        trace = subject.traces()[number]  # on the states that the layers below make by now
        if trace.lengths is not None or trace.resets is not None:
            raise OptionError(
                "flossing", "sequences of one length without resets", name,
                "It does not apply: exponents are followed along whole sequences.",
            )  # fmt: skip
        chosen = slice(0, 8)  # sequences to follow; more cost more and change little
        layer, history = floss(trace.layer, trace.x[:, chosen])
        first, last = history[0].loss, history[-1].loss
        changed = subject.layers
        changed[number] = layer
        subject = subject.changed(changed)
        said.append(
            f"{name}: sum of squares of the leading exponents from {first:.2g} to {last:.2g}"
        )
    return Change(tuple(said), subject.layers)
