"""What a cell is: its equations, and what everything else asks about it.

A cell is one step of a recurrent layer. Rows are sequences, so a matrix acts from the right: W_R h is
``h @ W_R.T`` and the error's W_Rᵀ dz is ``dz @ W_R``. W_F x_t + b does not depend on the past and comes in
ready as ``drive_t``. What W_R does to the error is the caller's: it is one matrix product for all rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import Activation
from bptt.errors import OptionError

Derivatives = tuple[Array, ...]
States = tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Weights:
    """The parameters of one layer, as they are when a sequence is run.

    Attributes:
        cell: the equations.
        W_F: (G·H, I) weights of the input.
        W_R: (G·H, H) recurrent weights.
        b: (G·H,) bias.
        recurrent_biases: (H,) each, of the gates in ``cell.recurrent_biases``.
        phi: the activation of the candidate.
    """

    cell: "Cell"
    W_F: Array
    W_R: Array
    b: Array
    recurrent_biases: tuple[Array, ...]
    phi: Activation

    def fingerprint(self) -> tuple[float, ...]:
        """A number per array that changes with it: whether somebody wrote into one in the meantime."""
        arrays = (self.W_F, self.W_R, self.b, *self.recurrent_biases)
        return tuple(float(np.add.reduce(array, axis=None)) for array in arrays)


Step = Callable[[Array, States, Weights, Array, States], None]
Linearise = Callable[[Array, States, States, Activation], Derivatives]
VJP = Callable[..., tuple[Array, Array | None]]
InputVJP = Callable[[Array, Array, Derivatives], Array]
JVP = Callable[[Array, Array, Array, Derivatives], Array]


def _whole_error(d: Array, derivatives: Derivatives) -> Array:
    return d


@dataclass(frozen=True, eq=False)
class Cell:
    """One kind of recurrent cell.

    Five functions say what it computes; S is the size of the whole state, H or 2H.

        step(drive_t, prev, weights, saved_t, now)
            forward: into saved_t (B, n·H), what the way back needs, and now, the states, (B, H) each.
        linearise(saved, prev, now, phi) -> derivatives
            the derivatives of any steps (..., ·), elementwise factors.
        vjp(d, derivatives, dz=None, carry=None) -> (dz, carry)
            the error d (..., S) of the state, taken to what W_R multiplies, dz (..., G·H); and what
            is carried past W_R, (..., S), None where there is no ``carry_gate``. Written into ``dz`` and ``carry`` if given.
        input_vjp(d, dz, derivatives) -> dz
            the error at what W_F multiplies, (..., G·H), where it is not the same.
        jvp(dz_F, dz_R, prev, derivatives) -> change of the state
            a change of the past carried forward: dz_F, dz_R (B, G·H, n) on the two sides of
            z_t = (W_F x_t + b) + (W_R h_{t-1}), prev (B, S, n) of the state before.

    Attributes:
        name: "rnn", "lstm", "gru".
        gates: symbol to name, in the order of the blocks of W_F, W_R and b.
        saved: symbols of the vectors that a step saves for the way back.
        candidate: the gate that φ acts on; the others are logistic.
        step, linearise, vjp, jvp: the functions above.
        input_vjp: None where W_F sees the error that W_R sees.
        states: symbols of the state's parts.
        carry_gate: the gate that passes the state on past W_R, or None.
        carried: (d, derivatives) -> what the carry multiplies, (..., H).
        recurrent_biases: gates whose recurrent bias stands apart, as ``b_R`` + symbol.
        choose_phi: whether φ is the user's choice; else it is tanh.

    Raises:
        OptionError: if a gate that is named is none of ``gates``, or what is carried is not saved.
    """

    name: str
    gates: Mapping[str, str]
    saved: tuple[str, ...]
    candidate: str
    step: Step
    linearise: Linearise
    vjp: VJP
    jvp: JVP
    input_vjp: InputVJP | None = None
    states: tuple[str, ...] = ("h",)
    carry_gate: str | None = None
    carried: Callable[[Array, Derivatives], Array] = _whole_error
    recurrent_biases: tuple[str, ...] = ()
    choose_phi: bool = False

    def __post_init__(self) -> None:
        """Refuse names that do not fit one another."""
        named = {"candidate": self.candidate, "carry_gate": self.carry_gate or self.candidate}
        named |= {f"recurrent_biases[{i}]": g for i, g in enumerate(self.recurrent_biases)}
        for field, gate in named.items():
            if gate not in self.gates:
                raise OptionError(
                    field, "one of " + ", ".join(self.gates), repr(gate), "Name a gate of the cell."
                )
        if self.carry_gate is not None and self.carry_gate not in self.saved:
            raise OptionError(
                "saved", f"{self.carry_gate}, the gate that carries", ", ".join(self.saved),
                "Save its activity in every step.",
            )  # fmt: skip

    @property
    def bias_names(self) -> tuple[str, ...]:
        """Names of the recurrent biases that stand apart: ("b_Rn",) of the GRU."""
        return tuple(f"b_R{gate}" for gate in self.recurrent_biases)

    def block(self, gate: str, hidden: int) -> slice:
        """The rows of a gate in W_F, W_R and b."""
        return _block(tuple(self.gates), gate, hidden)

    def saved_block(self, name: str, hidden: int) -> slice:
        """The columns of a vector in what a step saves."""
        return _block(self.saved, name, hidden)

    def errors_at_input(self, d: Array, dz: Array, derivatives: Derivatives) -> Array:
        """The error at what W_F multiplies, (..., G·H): of most cells the same dz.

        Args:
            d: (..., S) error of the state after the step.
            dz: (..., G·H) error at what W_R multiplies.
            derivatives: what ``linearise`` gave for the step.
        """
        return dz if self.input_vjp is None else self.input_vjp(d, dz, derivatives)

    def __repr__(self) -> str:
        """The name."""
        return f"Cell({self.name!r})"


def _block(names: tuple[str, ...], name: str, hidden: int) -> slice:
    place = names.index(name)
    return slice(place * hidden, (place + 1) * hidden)
