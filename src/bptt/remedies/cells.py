r"""A gated cell in the place of a plain one: its carry is a way back that W_R does not touch.

    LSTM   b_f = max(1, logit 0.1^(1/k)),  b_i = -b_f     Hochreiter & Schmidhuber 1997; Gers 2000
    GRU    b_z = max(1, logit 0.1^(1/k))                  Cho 2014

k is the needed lag. The rest of the weights is drawn as PyTorch draws it; units, directions and readout stay. Where the
carry keeps nearly all, an input gate that is open would fill the state with what it need not hold, so it starts shut.
"""

import numpy as np

from bptt.errors import OptionError
from bptt.layers import GRU, LSTM, Layer
from bptt.remedies.change import Change, plain_layers, span
from bptt.remedies.gates import bias_for
from bptt.remedies.lags import needed_steps
from bptt.remedies.subject import Subject


def lstm(subject: Subject, rng: np.random.Generator) -> Change:
    """LSTM layers in the place of plain ones."""
    return _in_place(subject, rng, "lstm", LSTM)


def gru(subject: Subject, rng: np.random.Generator) -> Change:
    """GRU layers in the place of plain ones."""
    return _in_place(subject, rng, "gru", GRU)


def _in_place(subject: Subject, rng: np.random.Generator, remedy: str, kind: type[Layer]) -> Change:
    own = plain_layers(subject, remedy)
    if not subject.takes_cells:
        raise OptionError(
            remedy, "a bptt.Network, whose layers can be exchanged", "a PyTorch model",
            f"It does not apply here. Build the model with nn.{remedy.upper()}, and try again.",
        )  # fmt: skip
    layers: list[Layer] = []
    biases = [bias_for(k) for k in needed_steps(subject)]
    for layer, b in zip(own, biases, strict=True):
        new = kind.init(layer.inputs, layer.hidden, rng=rng, dtype=layer.dtype)
        assert new.cell.carry_gate is not None  # either kind has one
        new.gate(new.cell.carry_gate, "b")[...] = b
        for gate, name in new.cell.gates.items():
            if name == "input":
                new.gate(gate, "b")[...] = -b
        layers.append(new)
    gate = kind.cell.gates[kind.cell.carry_gate or ""]
    return Change(
        (f"{remedy.upper()} layers in the place of plain ones", f"b of the {gate} gate {span(biases, 2)}"),
        layers,
    )  # fmt: skip
