"""What a cell is: its equations, and what everything else asks about it.

A cell is one step of a recurrent layer. Rows are sequences, so a matrix acts from the right: W_R h is
``h @ W_R.T`` and the error's W_Rᵀ dz is ``dz @ W_R``. W_F x_t + b does not depend on the past and comes in
ready as ``drive_t``. What W_R does to the error is the caller's: it is one matrix product for all rows, but for a
cell in which a gate stands before W_R.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
Through = Callable[[Array, Derivatives, Array, int], Array]
Onward = Callable[[Array, Array, Array, Derivatives, Array], None]


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

    Where a gate scales the state before rows of W_R multiply it, a step is no single product W_R h, and two more
    functions say what takes its place:

        through(dz, derivatives, W_R, e) -> P
            P (..., H), what the weights W_R 2^e send back, over 2^e: dz W_R of the other cells. The blocks of dz that
            ``vjp`` cannot know without W_R, those of the gates that scale, are written into dz.
        onward(dz_F, dz_R, prev, derivatives, W_R)
            what W_R makes of a change prev of the state before is added to dz_R.

    Attributes:
        name: "rnn", "lstm", "gru", "cho_gru".
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
        scaled_by: gates whose rows of W_R multiply s ⊙ h_{t-1} in the place of h_{t-1}, with the gate s: {"n": "r"}.
        through, onward: the functions above, of a cell with ``scaled_by``.

    Raises:
        OptionError: if a gate that is named is none of ``gates``, what is carried or scales is not saved, or one of
            ``scaled_by``, ``through`` and ``onward`` comes without the others.
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
    scaled_by: Mapping[str, str] = field(default_factory=dict)
    through: Through | None = None
    onward: Onward | None = None

    def __post_init__(self) -> None:
        """Refuse names that do not fit one another."""
        named = {"candidate": self.candidate, "carry_gate": self.carry_gate or self.candidate}
        named |= {f"recurrent_biases[{i}]": g for i, g in enumerate(self.recurrent_biases)}
        named |= {f"scaled_by[{gate!r}]": gate for gate in self.scaled_by}
        for attribute, gate in named.items():
            if gate not in self.gates:
                raise OptionError(
                    attribute,
                    "one of " + ", ".join(self.gates),
                    repr(gate),
                    "Name a gate of the cell.",
                )
        needed = {self.carry_gate: "carries"} | dict.fromkeys(self.scaled_by.values(), "scales")
        for needed_gate, does in needed.items():
            if needed_gate is not None and needed_gate not in self.saved:
                raise OptionError(
                    "saved", f"{needed_gate}, the gate that {does}", ", ".join(self.saved),
                    "Save its activity in every step.",
                )  # fmt: skip
        together = (bool(self.scaled_by), self.through is not None, self.onward is not None)
        if len(set(together)) > 1:
            raise OptionError(
                "scaled_by", "scaled_by, through and onward together, or none of them", "some of them",
                "See bptt.cells.cho_gru for a cell with a gate before W_R.",
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

    def multiplied(self, gate: str, h_prev: Array, saved: Array) -> Array:
        """What the rows of a gate in W_R multiply, (..., H): h_{t-1}, or that scaled.

        Args:
            gate: symbol of the gate.
            h_prev: (..., H) the state before the steps.
            saved: (..., ·) what the steps saved.
        """
        scale = self.scaled_by.get(gate)
        if scale is None:
            return h_prev
        return h_prev * saved[..., self.saved_block(scale, h_prev.shape[-1])]

    def recurrent_rows(
        self, dz: Array, h_prev: Array, saved: Array, axis: int = 0
    ) -> tuple[Array, Array]:
        """Rows a, b with Σ a ⊗ b = dW_R: dz and h_prev themselves, where W_R multiplies nothing else.

        A step in which W_R multiplies h and s ⊙ h counts as two rows along ``axis``, each with the errors of its own
        gates and zero for the others.

        Args:
            dz: (..., G·H) errors at what W_R multiplies.
            h_prev: (..., H) the state before the steps.
            saved: (..., ·) what the steps saved.
            axis: along which the rows stand behind one another.
        """
        if not self.scaled_by:
            return dz, h_prev
        H, errors, states = h_prev.shape[-1], [], []
        for scale in dict.fromkeys(self.scaled_by.get(gate) for gate in self.gates):
            gates = [gate for gate in self.gates if self.scaled_by.get(gate) == scale]
            own = np.zeros_like(dz)
            for gate in gates:
                block = self.block(gate, H)
                own[..., block] = dz[..., block]
            errors.append(own)
            states.append(self.multiplied(gates[0], h_prev, saved))
        return np.concatenate(errors, axis), np.concatenate(states, axis)

    def back(self, dz: Array, derivatives: Derivatives, W_R: Array) -> Array:
        """What W_R sends back of the errors at what it multiplies, (..., H).

        Args:
            dz: (..., G·H) from ``vjp``; completed in place, see ``through``.
            derivatives: what ``linearise`` gave for the steps.
            W_R: (G·H, H).
        """
        if self.through is None:
            return np.asarray(dz @ W_R)
        return self.through(dz, derivatives, W_R, 0)

    def __repr__(self) -> str:
        """The name."""
        return f"Cell({self.name!r})"


def _block(names: tuple[str, ...], name: str, hidden: int) -> slice:
    place = names.index(name)
    return slice(place * hidden, (place + 1) * hidden)
