"""A level from a recurrent node: its weights in this library's order, what it does otherwise refused."""

from typing import Any

import numpy as np

from bptt.arrays import Array, as_floats
from bptt.errors import FileError
from bptt.layers import Bidirectional, Layer
from bptt.layers.kinds import KINDS
from bptt.layers.levels import Level
from bptt.models.found import ITSELF
from bptt.models.onnx.following import Value, Values
from bptt.models.state_dict.layer_weights import layer_of

CELLS = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
# where the gates of this library's order stand in a node's
ORDER = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
USUAL = {"RNN": ("tanh",), "LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh")}
PLAIN = (
    "tanh",
    "relu",
    "sigmoid",
    "softsign",
)  # of an RNN: those that need no numbers of their own
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


class Node:
    """A recurrent node.

    Args:
        path: of the file, for the errors.
        proto: the node.
        values: of the graph.
    """

    def __init__(self, path: str, proto: Any, values: Values) -> None:
        from onnx import helper

        self.path, self.kind = path, proto.op_type
        self.name = proto.name or next(name for name in proto.output if name)
        self.proto, self.values = proto, values
        self.options = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
        self.direction = self.options.get("direction", b"forward").decode()
        self.batch_first = bool(self.options.get("layout", 0))
        self.places = np.empty((0, 0, 0, 0))

    def given(self, name: str) -> Value | None:
        """One of the node's inputs; None where it is left out."""
        place = INPUTS.index(name)
        return self.values.of(self.proto.input[place]) if place < len(self.proto.input) else None

    def level(self) -> Level:
        """The level that the node is.

        Raises:
            FileError: if it does what no layer here does, or its weights are no constants that fit.
        """
        self._check_options()
        W, R = self._constant("W"), self._constant("R")
        fits = W.ndim == R.ndim == 3 and len(W) == len(R) == 1 + (self.direction == "bidirectional")
        wide = len(ORDER[self.kind]) * R.shape[-1]
        if not fits or W.shape[1] != wide or R.shape[1] != wide:
            raise self.otherwise("W (D, G·H, I) and R (D, G·H, H)", f"{W.shape} and {R.shape}")
        no_bias = np.zeros((len(W), 2 * wide), W.dtype)
        B = no_bias if self.given("B") is None else self._constant("B")
        if B.shape != no_bias.shape:
            raise self.otherwise(f"B {no_bias.shape}", str(B.shape))
        layers = [self._layer(d, W[d], R[d], B[d]) for d in range(len(W))]
        return Bidirectional(*layers) if len(layers) == 2 else layers[0]

    def number_states(self, level: Level, first: int) -> int:
        """Give every state a number of its own, in ``places`` (T, D, B, H) and where the outputs are read.

        Args:
            level: that the node is.
            first: the first number.

        Returns:
            the first number that is left.
        """
        X = self.given("X")
        shape = (3, 2, 1) if X is None or X.array is None or X.array.ndim != 3 else X.array.shape
        T, B = (shape[1], shape[0]) if self.batch_first else shape[:2]
        directions = level.layers if isinstance(level, Bidirectional) else (level,)
        sizes = (T, len(directions), B, directions[0].hidden)
        left = first + int(np.prod(sizes))
        Y = self.places = np.arange(float(first), left).reshape(sizes)
        ends = np.stack([Y[-1, 0], *([Y[0, 1]] if len(directions) == 2 else [])])
        if self.batch_first:
            Y, ends = Y.transpose(2, 0, 1, 3), ends.transpose(1, 0, 2)
        for name, array in zip(self.proto.output, (Y, ends), strict=False):
            self.values.known[name] = Value(array, self.name)
        self.values.recurrent.append(self.name)
        return left

    def otherwise(self, wanted: str, got: str, cure: str = ITSELF) -> FileError:
        """The error for what the node should be and is not."""
        return FileError(self.path, f"{wanted} in the {self.kind} {self.name!r}", got, cure)

    def _layer(self, direction: int, W: Array, R: Array, B: Array) -> Layer:
        arrays = {"weight_ih": W, "weight_hh": R}
        arrays["bias_ih"], arrays["bias_hh"] = np.split(B, 2)
        ready = {}
        for name, value in arrays.items():
            blocks = np.split(value, len(ORDER[self.kind]))
            moved = np.concatenate([blocks[place] for place in ORDER[self.kind]])
            moved = moved.astype(np.result_type(moved, np.float32))
            ready[name] = as_floats(f"{self.path}: {name} of {self.name}", moved, moved.shape)
        plain = self._activations()[direction][0] if self.kind == "RNN" else None
        before = self.kind == "GRU" and not self.options.get("linear_before_reset", 0)
        return layer_of(KINDS["cho_gru" if before else CELLS[self.kind]], ready, plain)

    def _activations(self) -> list[tuple[str, ...]]:
        """Those of each direction."""
        usual = USUAL[self.kind]
        named = [name.decode().lower() for name in self.options.get("activations", ())]
        count = 1 + (self.direction == "bidirectional")
        named = named or list(usual) * count
        return [tuple(named[i : i + len(usual)]) for i in range(0, len(named), len(usual))]

    def _check_options(self) -> None:
        """Refuse what no layer here computes, by name."""
        if self.direction not in ("forward", "bidirectional"):
            raise self.otherwise(
                "direction forward or bidirectional", self.direction,
                "It is the same network on sequences that are turned around: set the node's direction to forward, save the "
                "file again, and turn the sequences of your data around.",
            )  # fmt: skip
        for one in self._activations():
            allowed = (
                all(name in PLAIN for name in one)
                if self.kind == "RNN"
                else one == USUAL[self.kind]
            )
            if not allowed:
                wanted = (
                    "one of " + ", ".join(PLAIN)
                    if self.kind == "RNN"
                    else ", ".join(USUAL[self.kind])
                )
                raise self.otherwise(f"activations {wanted}", ", ".join(one))
        if self.options.get("clip"):
            raise self.otherwise("no clip", f"clip={self.options['clip']:g}")
        if self.options.get("input_forget"):
            raise self.otherwise("an input gate of its own", "input_forget=1")
        peepholes = self.given("P")
        if peepholes is not None and (peepholes.array is None or np.any(peepholes.array)):
            raise self.otherwise("no peepholes (P)", "some")

    def _constant(self, name: str) -> Array:
        value = self.given(name)
        if value is None or value.source or value.array is None or value.array.dtype.kind != "f":
            raise self.otherwise(f"constant floating-point numbers {name}", "others")
        return value.array
