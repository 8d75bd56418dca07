"""The parameters of a layer: checked when it is made and whenever one is assigned."""

from typing import Any, ClassVar, Self

import numpy as np

from bptt.arrays import Array, as_floats
from bptt.cells import Cell, Weights
from bptt.cells.activations import ACTIVATIONS, Activation, Pair
from bptt.cells.activations import activation as activation_of
from bptt.errors import OptionError, ShapeError

TANH = ACTIVATIONS["tanh"]


class Parameters:
    """The weights of one layer and the equations they belong to.

    An array may be assigned, ``layer.W_R = W``: it is checked like those that the layer was made of, and takes
    effect at the next forward pass. A name that is no parameter cannot be assigned.

    Args:
        W_F: (G·H, I) weights of the input; PyTorch's ``weight_ih_l0``.
        W_R: (G·H, H) recurrent weights; PyTorch's ``weight_hh_l0``.
        b: (G·H,) bias.
        recurrent_biases: (H,) each, one per gate in ``cell.recurrent_biases``.
        activation: φ of the candidate, where the cell leaves the choice.

    Raises:
        ShapeError: if the shapes do not fit one another.
        DTypeError: if they are not all float32 or all float64.
        NonFiniteError: if a weight is NaN or infinite.
        OptionError: if the activation is unknown, or the cell has one of its own.
    """

    cell: ClassVar[Cell]
    W_F: Array
    W_R: Array
    b: Array
    phi: Activation

    def __init__(
        self,
        W_F: Any,
        W_R: Any,
        b: Any,
        *recurrent_biases: Any,
        activation: str | Pair | Activation = TANH,
    ) -> None:
        W_F = as_floats("W_F", W_F, ("G·H", "I"))
        rows, gates = len(W_F), len(self.cell.gates)
        if rows % gates:
            raise ShapeError(
                "W_F", f"{gates}·H rows, {gates} gates", f"{rows} rows",
                "An RNN has 1 gate, a GRU 3, an LSTM 4: check the kind of cell.",
            )  # fmt: skip
        hidden = rows // gates
        arrays = {
            "W_F": W_F,
            "W_R": as_floats("W_R", W_R, (rows, hidden), W_F.dtype),
            "b": as_floats("b", b, (rows,), W_F.dtype),
        }
        wanted = self.cell.bias_names
        if len(recurrent_biases) != len(wanted):
            raise OptionError(
                "recurrent_biases", ", ".join(wanted) or "none", f"{len(recurrent_biases)} arrays",
                "Pass one (H,) array behind b for each that the cell names.",
            )  # fmt: skip
        for name, value in zip(wanted, recurrent_biases, strict=True):
            arrays[name] = as_floats(name, value, (hidden,), W_F.dtype)
        self.__dict__.update(arrays)
        self.phi = activation_of(activation)

    def __setattr__(self, name: str, value: Any) -> None:
        """Check what is assigned as if the layer were made of it.

        Raises:
            ShapeError, DTypeError, NonFiniteError: if an array is not like the one it replaces.
            OptionError: if there is no such parameter, or the cell has an activation of its own.
        """
        if name == "phi":
            value = activation_of(value)
            if not self.cell.choose_phi and value is not TANH:
                raise OptionError(
                    "phi", f"tanh, the {self.cell.name.upper()}'s own", value.name,
                    "Use an RNN layer to choose the activation.",
                )  # fmt: skip
        elif name in self.names:
            old = self.__dict__[name]
            value = as_floats(name, value, old.shape, old.dtype)
        else:
            raise OptionError(
                name, "one of " + ", ".join((*self.names, "phi")), "another name",
                "Assign a parameter, or make another layer.",
            )  # fmt: skip
        self.__dict__[name] = value

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters: "W_F", "W_R", "b", and "b_Rn" of a GRU."""
        return ("W_F", "W_R", "b", *self.cell.bias_names)

    @property
    def kind(self) -> str:
        """The cell's name."""
        return self.cell.name

    @property
    def inputs(self) -> int:
        """I, the size of x_t."""
        return int(self.W_F.shape[1])

    @property
    def hidden(self) -> int:
        """H, the size of h_t."""
        return int(self.W_R.shape[1])

    @property
    def state_size(self) -> int:
        """S, the size of the whole state: H, or 2H for [h; c]."""
        return len(self.cell.states) * self.hidden

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type everything is computed in: float32 or float64."""
        return self.W_R.dtype

    @property
    def weights(self) -> Weights:
        """The parameters as they are now, for the loops."""
        biases = tuple(self.__dict__[name] for name in self.cell.bias_names)
        return Weights(self.cell, self.W_F, self.W_R, self.b, biases, self.phi)

    def parameters(self) -> dict[str, Array]:
        """The weights by name; the arrays themselves, not copies."""
        return {name: self.__dict__[name] for name in self.names}

    def gate(self, name: str, of: str = "W_R") -> Array:
        """A gate's rows of a parameter; a view.

        Args:
            name: symbol of the gate, see ``cell.gates``.
            of: "W_F", "W_R" or "b".

        Raises:
            OptionError: if the cell has no such gate.
        """
        if name not in self.cell.gates:
            raise OptionError(
                "name",
                "one of " + ", ".join(self.cell.gates),
                repr(name),
                "Name a gate of the cell.",
            )
        return self.parameters()[of][self.cell.block(name, self.hidden)]

    def copy(self) -> Self:
        """The same layer with weights of its own."""
        twin = object.__new__(type(self))
        twin.__dict__.update({name: value.copy() for name, value in self.parameters().items()})
        twin.__dict__["phi"] = self.phi
        return twin

    def __repr__(self) -> str:
        """Sizes, activation and type."""
        phi = f"activation={self.phi.name!r}, " if self.cell.choose_phi else ""
        return (
            f"{type(self).__name__}(inputs={self.inputs}, hidden={self.hidden}, {phi}"
            f"dtype={self.dtype})"
        )
