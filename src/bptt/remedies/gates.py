r"""Biases that open the gate of a cell that carries its state.

A carry that passes on σ(b) per step remembers for about 1/(1 - σ(b)) steps. With b = log(u - 1) that is u steps.

    forget / update bias   b = 1                         (Gers 2000; Jozefowicz 2015)
    chrono                 b = log u, b_i = -b,  u ~ U(1, T_max - 1)   (Tallec & Ollivier 2018, eq. 16)

Of an LSTM the forget gate f, of a GRU the update gate z carries the state; i is an input gate, where there is one.
PyTorch adds two biases, bias_ih and bias_hh: b is their sum.
"""

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError
from bptt.layers import Layer
from bptt.remedies.change import Change
from bptt.remedies.subject import Subject


def forget_bias(subject: Subject, rng: np.random.Generator) -> Change:
    """b_f = 1 for every unit of an LSTM, in layers where it is less in the mean."""
    return _opened(subject, "forget-bias", "forget")


def update_bias(subject: Subject, rng: np.random.Generator) -> Change:
    """b_z = 1 for every unit of a GRU, in layers where it is less in the mean."""
    return _opened(subject, "update-bias", "update")


def chrono(subject: Subject, rng: np.random.Generator) -> Change:
    """Biases drawn so that the units remember for 1 to T_max steps, T_max those of the longest sequence."""
    T_max = max(3, subject.steps)
    changed = _carrying(subject, "chrono")
    closed = False
    for layer in changed:
        b = np.log(rng.uniform(1, T_max - 1, layer.hidden))
        _carry_bias(layer)[...] = b
        for gate, name in layer.cell.gates.items():
            if name == "input":
                layer.gate(gate, "b")[...] = -b
                closed = True
    sentences = [f"b of the gate that carries = log U(1, {T_max - 1})"]
    if closed:
        sentences.append("b of the input gate its negative")
    return Change(tuple(sentences), changed)


def _opened(subject: Subject, remedy: str, gate: str) -> Change:
    layers = _carrying(subject, remedy, gate)
    closed = [layer for layer in layers if _carry_bias(layer).mean() < 1]
    before = float(np.mean([_carry_bias(layer).mean() for layer in closed or layers]))
    if not closed:
        raise OptionError(
            remedy, f"a bias of the {gate} gate below 1", f"{before:.2g} in the mean",
            "It does not apply: the gate is as open already.",
        )  # fmt: skip
    for layer in closed:
        _carry_bias(layer)[...] = 1
    return Change((f"b of the {gate} gate 1 instead of {before:.2g} in the mean",), layers)


def _carrying(subject: Subject, remedy: str, gate: str | None = None) -> list[Layer]:
    """Copies of the layers, which all have a gate that carries the state, of this name if one is given.

    Raises:
        OptionError: if one has not.
    """
    layers = subject.layers
    wanted = "layers with a gate that carries the state"
    if gate is not None:
        wanted = f"layers whose {gate} gate carries the state"
    for name, layer in zip(subject.names, layers, strict=True):
        carried_by = layer.cell.gates.get(layer.cell.carry_gate or "")
        if carried_by is None or gate not in (None, carried_by):
            raise OptionError(
                remedy, wanted,
                f"{layer.kind} ({name})", "It does not apply: there is no such gate.",
            )  # fmt: skip
    return layers


def _carry_bias(layer: Layer) -> Array:
    """(H,) the bias of the gate that carries the state, a view."""
    assert layer.cell.carry_gate is not None  # _carrying saw to it
    return layer.gate(layer.cell.carry_gate, "b")
