r"""Biases that open the carry of a gated cell.

A carry that passes on σ(b) per step remembers for about 1/(1 - σ(b)) steps. With b = log(u - 1) that is u steps.

    forget / update bias   b_f = 1                       (Gers 2000; Jozefowicz 2015)
    chrono                 b_f = log u, b_i = -b_f,  u ~ U(1, T_max - 1)   (Tallec & Ollivier 2018, eq. 16)

Of an LSTM the forget gate f, of a GRU the update gate z carries the state. PyTorch adds two biases, bias_ih and
bias_hh: what is said here is their sum.
"""

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError
from bptt.layers import Layer
from bptt.remedies.change import Change
from bptt.remedies.subject import Subject

BLOCK = {"lstm": 1, "gru": 1}  # PyTorch's gate order: i, f, g, o and r, z, n
GATE = {"lstm": "forget", "gru": "update"}


def forget_bias(subject: Subject, rng: np.random.Generator) -> Change:
    """b_f = 1 for every unit of an LSTM."""
    return _opened(subject, "forget-bias", "lstm")


def update_bias(subject: Subject, rng: np.random.Generator) -> Change:
    """b_z = 1 for every unit of a GRU."""
    return _opened(subject, "update-bias", "gru")


def chrono(subject: Subject, rng: np.random.Generator) -> Change:
    """Biases drawn so that the units remember for 1 to T_max steps, T_max those of the longest sequence."""
    T_max = max(3, subject.steps)
    changed = _gated(subject, "chrono", tuple(GATE))
    for layer in changed:
        b = np.log(rng.uniform(1, T_max - 1, layer.hidden))
        _block(layer)[...] = b
        if layer.kind == "lstm":
            layer.b[: layer.hidden] = -b
    said = [f"b of the gate that carries = log U(1, {T_max - 1})"]
    if changed[0].kind == "lstm":
        said.append("b of the input gate its negative")
    return Change(tuple(said), changed)


def _opened(subject: Subject, remedy: str, kind: str) -> Change:
    changed = _gated(subject, remedy, (kind,))
    before = float(np.mean([_block(layer).mean() for layer in changed]))
    for layer in changed:
        _block(layer)[...] = 1
    return Change((f"b of the {GATE[kind]} gate 1 instead of {before:.2g} in the mean",), changed)


def _gated(subject: Subject, remedy: str, kinds: tuple[str, ...]) -> list[Layer]:
    for name, layer in zip(subject.names, subject.layers, strict=True):
        if layer.kind not in kinds:
            raise OptionError(
                remedy, "layers of kind " + " or ".join(kinds), f"{layer.kind} ({name})",
                "It does not apply: there is no such gate.",
            )  # fmt: skip
    return subject.layers


def _block(layer: Layer) -> Array:
    """(H,) the bias of the gate that carries the state, a view."""
    H, number = layer.hidden, BLOCK[layer.kind]
    return layer.b[number * H : (number + 1) * H]
