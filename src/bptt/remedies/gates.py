r"""Biases that open the gate of a cell that carries its state, as far as the needed lag k asks for.

A carry that passes on σ(b) per step keeps σ(b)^k of a signal. What is set is known from k:

    forget / update bias   b = max(1, logit 0.1^(1/k))   a tenth is kept; 1: Gers 2000; Jozefowicz 2015
    chrono                 b = log u, b_i = -b,  u ~ U(1, T_max - 1), T_max = 2k   (Tallec & Ollivier 2018, eq. 16)

Chrono's units remember for u steps each, from one step to twice the lag, centred on it. Of an LSTM the forget gate f,
of a GRU the update gate z carries the state; i is an input gate, where there is one. PyTorch adds two biases, bias_ih
and bias_hh: b is their sum.
"""

from collections.abc import Sequence

import numpy as np

from bptt.arrays import Array
from bptt.dynamics import ENOUGH, bias_that_keeps, longest_memory
from bptt.errors import OptionError
from bptt.layers import Layer
from bptt.remedies.change import Change, span
from bptt.remedies.lags import needed_steps
from bptt.remedies.subject import Subject

LEAST = 1.0  # the bias of the lecture, which short lags leave room for
NEAR = 0.5  # of the mean of a bias: what draws of the same distribution differ by


def bias_for(steps: int) -> float:
    """The bias of a gate that is to keep a tenth of a signal over some steps; at least 1."""
    return max(LEAST, bias_that_keeps(ENOUGH, steps))


def forget_bias(subject: Subject, rng: np.random.Generator) -> Change:
    """b_f of every unit of an LSTM as the lag asks for, in layers where it is less on average."""
    return _opened(subject, "forget-bias", "forget")


def update_bias(subject: Subject, rng: np.random.Generator) -> Change:
    """b_z of every unit of a GRU as the lag asks for, in layers where it is less on average."""
    return _opened(subject, "update-bias", "update")


def chrono(subject: Subject, rng: np.random.Generator) -> Change:
    """Biases drawn so that the units remember for 1 to T_max steps, T_max twice the needed lag."""
    layers = _carrying(subject, "chrono")
    longest = [longest_memory(steps) for steps in needed_steps(subject)]
    if all(_remembers(layer, T_max) for layer, T_max in zip(layers, longest, strict=True)):
        raise OptionError(
            "chrono", "gates that forget sooner than the needed lag", "biases like these already",
            "It does not apply: there is nothing to change.",
        )  # fmt: skip
    closed = False
    for layer, T_max in zip(layers, longest, strict=True):
        b = np.log(rng.uniform(1, T_max - 1, layer.hidden))
        _carry_bias(layer)[...] = b
        for gate in _input_gates(layer):
            layer.gate(gate, "b")[...] = -b
            closed = True
    sentences = [f"b of the gate that carries = log U(1, {span([T - 1 for T in longest])})"]
    if closed:
        sentences.append("b of the input gate its negative")
    return Change(tuple(sentences), layers)


def _opened(subject: Subject, remedy: str, gate: str) -> Change:
    layers = _carrying(subject, remedy, gate)
    steps = needed_steps(subject)
    means = [float(_carry_bias(layer).mean()) for layer in layers]
    wanted = [bias_for(k) for k in steps]
    closed = [n for n, b in enumerate(wanted) if means[n] < b]
    if not closed:
        raise OptionError(
            remedy, f"a bias of the {gate} gate below {span(wanted, 2)}", f"{span(means, 2)} on average",
            "It does not apply: the gate is as open already.",
        )  # fmt: skip
    for n in closed:
        _carry_bias(layers[n])[...] = wanted[n]
    set_to, before = (span([values[n] for n in closed], 2) for values in (wanted, means))
    left = span([100 * (1 + np.exp(-wanted[n])) ** -steps[n] for n in closed], 0)
    return Change(
        (
            f"b of the {gate} gate {set_to} instead of {before} on average: alone it keeps {left} % of the signal "
            f"over {span([steps[n] for n in closed])} steps",
        ),
        layers,
    )


def _remembers(layer: Layer, T_max: int) -> bool:
    """Whether the biases are like those that chrono draws, on average, or more open."""
    n = T_max - 1
    usual = (n * np.log(n) - n + 1) / max(1, n - 1)  # of log u
    shut = [layer.gate(gate, "b").mean() for gate in _input_gates(layer)]
    return bool(_carry_bias(layer).mean() > usual - NEAR and all(b < NEAR - usual for b in shut))


def _input_gates(layer: Layer) -> Sequence[str]:
    return [gate for gate, name in layer.cell.gates.items() if name == "input"]


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
