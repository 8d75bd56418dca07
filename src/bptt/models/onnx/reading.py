"""The network in an ONNX graph: its recurrent nodes one above another, and one matrix that reads the states."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.files import read_onnx
from bptt.layers.levels import Level
from bptt.models.found import ITSELF, Found, Readout, network_of, whole
from bptt.models.onnx.following import MOVING, Value, Values
from bptt.models.onnx.nodes import CELLS, Node
from bptt.models.state_dict import Parts
from bptt.network.losses import LossAt

EXPORT = "Export the model again: torch.onnx.export(model.eval(), (x,), path)."
READOUT = "the readout"
SQUASHING = {"Softmax": "softmax", "LogSoftmax": "softmax", "Sigmoid": "sigmoid"}
UNROLLED = (
    "Export it with dynamo=False: torch.onnx.export(model.eval(), (x,), path, dynamo=False). The newer exporter writes a "
    "plain RNN as single products."
)


def read_model(path: str | Path) -> Found:
    """The network in an ONNX file.

    Raises:
        FileError: if it is no such file, or the model does what no network here does; it says which node.
        OptionError: if the package onnx is missing.
        NonFiniteError, ShapeError, DTypeError: if the weights make no network.
    """
    with whole(str(path), "an ONNX file", EXPORT):
        return _Reading(str(path), read_onnx(path)).found()


class _Reading:
    """A graph, followed from its inputs to its outputs."""

    def __init__(self, path: str, model: Any) -> None:
        self.path, self.graph = path, model.graph
        self.values = Values({each.domain: each.version for each in model.opset_import})
        self.nodes: list[Node] = []
        self.levels: list[Level] = []
        self.facts: list[tuple[str, str]] = []
        self.rest: tuple[str, ...] = ()
        self.readout: Readout | None = None
        self.loss_at: LossAt = "last"
        self.number = 1  # of the next state

    def found(self) -> Found:
        self.values.take_inputs(self.graph)
        for proto in self.graph.node:
            if proto.op_type in CELLS and not proto.domain:
                self._recurrent(Node(self.path, proto, self.values))
            elif not self._on_the_way_up(proto):
                self.values.follow(proto)
        if not self.nodes:
            kinds = dict.fromkeys(node.op_type for node in self.graph.node)
            raise FileError(
                self.path, "a node RNN, LSTM or GRU", ", ".join(list(kinds)[:8]), UNROLLED
            )
        if self.readout is None:
            raise FileError(
                self.path, "a matrix (Gemm or MatMul) that reads the states", "none",
                "Export the whole model, including the layer that reads the states.",
            )  # fmt: skip
        network = network_of(self.path, self.levels, self.readout, self.loss_at)
        names = [node.name for node in self.nodes]
        parts = Parts(
            network.layer.cell.name, ", ".join(names), tuple((name,) for name in names), self.readout.name, self.rest,
        )  # fmt: skip
        return Found(network, parts, tuple(self.facts), "ONNX")

    def _recurrent(self, node: Node) -> None:
        """One more level."""
        X = node.given("X") or Value(None)
        if self.nodes:
            states = _every(self.nodes[-1].places)
            if node.batch_first:
                states = states.swapaxes(0, 1)
            if X.array is None or not X.moved or not np.array_equal(X.array, states):
                raise node.otherwise(
                    f"all states of {self.nodes[-1].name!r} as they are, for the input",
                    X.by or "something else",
                )
        elif not X.moved:
            self.rest = (X.by,)
        self._check_start(node, X)
        self.levels.append(node.level())
        self.nodes.append(node)
        self.number = node.number_states(self.levels[-1], self.number)

    def _check_start(self, node: Node, X: Value) -> None:
        """Where a node's sequences begin and end: initial states and lengths."""
        for name in ("initial_h", "initial_c"):
            state = node.given(name)
            if state is None:
                continue
            if state.source in self.values.recurrent or (state.source == X.source != ""):
                raise node.otherwise(
                    f"a constant {name}", f"one made by {state.by or state.source}"
                )
            if state.source:
                self.facts.append(
                    (f"{name} of {node.name}", f"the input {state.source!r}, here zero")
                )
            elif state.array is None or np.any(state.array):
                raise node.otherwise(
                    f"{name} of zeros, where every sequence begins here", "other constants"
                )
        lengths = node.given("sequence_lens")
        if lengths is not None and lengths.source:
            self.facts.append(("lengths", f"those of the data, for the input {lengths.source!r}"))
        elif lengths is not None and X.array is not None:
            steps = X.array.shape[1 if node.batch_first else 0]
            if lengths.array is None or np.any(lengths.array != steps):
                raise node.otherwise("sequence_lens as an input, or none", "constants")

    def _on_the_way_up(self, proto: Any) -> bool:
        """Whether a node works on states or outputs; it is taken as part of the readout or refused."""
        inputs = [(name, self.values.of(name)) for name in proto.input if name]
        names = self.values.recurrent
        from_states = [(name, v) for name, v in inputs if v is not None and v.source in names]
        from_outputs = [name for name, v in inputs if v is not None and v.source == READOUT]
        if from_outputs:
            self._after(proto, from_outputs[0])
            return True
        if proto.op_type in MOVING or proto.op_type in ("Shape", "Size") or not from_states:
            return False
        name, states = from_states[0]
        label = f"{proto.op_type} {proto.name!r}"
        if proto.op_type not in ("Gemm", "MatMul") or name != proto.input[0] or not states.moved:
            raise self._in_between(states.by or label)
        if self.readout is not None:
            raise self._in_between(f"{label}, which reads them too")
        self._read(proto, states)
        self.values.known[proto.output[0]] = Value(None, READOUT)
        return True

    def _read(self, proto: Any, states: Value) -> None:
        """The readout's weights, and at which steps it reads."""
        from onnx import helper

        options = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
        W = self._matrix(proto, 1)
        W = W if options.get("transB", 0) else W.T
        if options.get("transA", 0) or W.ndim != 2:
            raise self._in_between(f"{proto.op_type} {proto.name!r} with transA")
        b = self._matrix(proto, 2) if len(proto.input) > 2 else np.zeros(len(W), W.dtype)
        scale, shift = (W.dtype.type(options.get(name, 1)) for name in ("alpha", "beta"))
        name = (
            proto.input[1].removesuffix(".weight")
            if proto.input[1].endswith(".weight")
            else proto.name
        )
        b = np.broadcast_to(b.reshape(-1), len(W)) if b.size in (1, len(W)) else b
        self.readout = Readout(name or proto.output[0], W * scale, b * shift, logits=len(W) > 1)
        places = self.nodes[-1].places
        every, read = _every(places), states.array
        last = np.concatenate(
            [places[-1, 0], *([places[0, 1]] if places.shape[1] == 2 else [])], axis=1
        )
        for at, wanted in (("last", last), ("every", every), ("every", every.swapaxes(0, 1))):
            if (
                read is not None
                and read.shape[-1:] == wanted.shape[-1:]
                and read.size == wanted.size
            ):
                if np.array_equal(
                    read.reshape(-1, wanted.shape[-1]), wanted.reshape(-1, wanted.shape[-1])
                ):
                    self.loss_at = "last" if at == "last" else "every"
                    return
        both = "; of two directions the last state of either" * (places.shape[1] == 2)
        raise FileError(
            self.path, f"a readout of every step's states, or of the last{both}",
            f"others in {proto.op_type} {proto.name!r}", ITSELF,
        )  # fmt: skip

    def _after(self, proto: Any, name: str) -> None:
        """What happens to the outputs: a bias, a squashing function, or nothing."""
        assert self.readout is not None
        readout, plain = self.readout, self.readout.activation == "linear"
        if proto.op_type in SQUASHING and plain:
            self.readout = replace(readout, activation=SQUASHING[proto.op_type])
        elif proto.op_type == "Add" and plain:
            other = proto.input[1] if proto.input[0] == name else proto.input[0]
            bias = self.values.of(other)
            if (
                bias is None
                or bias.source
                or bias.array is None
                or bias.array.size != len(readout.W)
            ):
                raise self._in_between(f"Add {proto.name!r}")
            self.readout = replace(readout, b=readout.b + bias.array.reshape(-1))
        elif proto.op_type in ("Shape", "Size"):
            self.values.known[proto.output[0]] = Value(None)
            return
        elif proto.op_type not in MOVING:
            raise self._in_between(f"{proto.op_type} {proto.name!r}")
        for output in proto.output:
            self.values.known[output] = Value(None, READOUT)

    def _matrix(self, proto: Any, place: int) -> Array:
        value = self.values.of(proto.input[place])
        if value is None or value.source or value.array is None or value.array.dtype.kind != "f":
            raise self._in_between(
                f"{proto.op_type} {proto.name!r} with {proto.input[place]!r}, which is no constant"
            )
        return value.array.astype(np.result_type(value.array, np.float32))

    def _in_between(self, what: str) -> FileError:
        return FileError(
            self.path, "one matrix and a bias from the states to the outputs", what, ITSELF
        )


def _every(places: Array) -> Array:
    """(T, B, D·H) the states of every step as they are handed up, of places (T, D, B, H)."""
    T, D, B, H = places.shape
    return places.transpose(0, 2, 1, 3).reshape(T, B, D * H)
