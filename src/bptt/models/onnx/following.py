"""What each value in an ONNX graph is made of: numbers that carry their own place are sent through it.

An exporter surrounds a recurrent node with transposes, slices and reshapes, each in its own way. Instead of
knowing them all, every state is given a number of its own, and the nodes move these numbers about. What
arrives at a matrix says which states it reads: every step's, or the last ones.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bptt.arrays import Array

SIZES = (3, 2)  # of axes whose size is left open
# These move numbers and change none.
MOVING = {
    "Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Gather", "GatherND", "Slice", "Split", "Concat",
    "Expand", "Tile", "Cast", "CastLike", "Dropout",
}  # fmt: skip
SHAPES = {"Shape", "Size"}
WITH_GRAPHS = {"If", "Loop", "Scan"}  # which could run for ever


@dataclass(frozen=True, eq=False)
class Value:
    """What is known of a value.

    Attributes:
        array: the numbers; None where they cannot be said.
        source: the input of the graph, or the recurrent node, that it is made of; "" for constants.
        moved: whether its numbers are the source's own, moved about.
        by: the node that worked on them last, where they are not.
    """

    array: Array | None
    source: str = ""
    moved: bool = True
    by: str = ""


@dataclass(eq=False)
class Values:
    """The values of a graph by name, as far as it has been followed.

    Attributes:
        opsets: version of each set of operators, by domain.
        recurrent: names of the recurrent nodes that were met; no two states have the same number.
        known: by name.
    """

    opsets: dict[str, int]
    recurrent: list[str] = field(default_factory=list)
    known: dict[str, Value] = field(default_factory=dict)

    def take_inputs(self, graph: Any) -> None:
        """The constants of a graph, and numbers for its inputs: each its own in those of floats, zeros in others."""
        from onnx import helper, numpy_helper

        for tensor in graph.initializer:
            self.known[tensor.name] = Value(numpy_helper.to_array(tensor))
        sizes: dict[str, int] = {}
        for each in graph.input:
            if each.name in self.known:
                continue
            shape = []
            for axis, dim in enumerate(each.type.tensor_type.shape.dim):
                open_name = dim.dim_param or f"{each.name} {axis}"
                size = sizes.setdefault(open_name, SIZES[len(sizes) % 2])
                shape.append(dim.dim_value or size)
            kind = helper.tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type)
            places = np.arange(1, np.prod(shape, dtype=int) + 1).reshape(shape)
            array = places.astype(np.float64) if kind.kind == "f" else np.zeros(shape, kind)
            self.known[each.name] = Value(array, each.name)

    def of(self, name: str) -> Value | None:
        """What is known of a value; None of one that is left out."""
        return self.known.get(name) if name else None

    def follow(self, node: Any) -> None:
        """Find what the outputs of a node are, of any kind but a recurrent one."""
        inputs = {name: self.known.get(name, Value(None)) for name in node.input if name}
        sources = list(dict.fromkeys(v.source for v in inputs.values() if v.source))
        label = f"{node.op_type} {node.name!r}" if node.name else node.op_type
        arrays = {name: value.array for name, value in inputs.items()}
        outputs = self._evaluated(node, arrays)
        for name, array in zip(node.output, outputs, strict=False):
            if node.op_type in SHAPES or not sources:
                self.known[name] = Value(array)
                continue
            alike = len(sources) == 1 or all(source in self.recurrent for source in sources)
            moved = node.op_type in MOVING and alike
            before = [v for v in inputs.values() if v.source]
            whole = moved and all(v.moved for v in before)
            by = label if not moved else next((v.by for v in before if v.by), "")
            self.known[name] = Value(array, sources[-1], whole, by)

    def _evaluated(self, node: Any, arrays: dict[str, Array | None]) -> list[Array | None]:
        """The outputs of a node; None where they cannot be computed."""
        from onnx import TensorProto, helper
        from onnx.reference import ReferenceEvaluator

        nothing: list[Array | None] = [None] * len(node.output)
        if node.domain or node.op_type in WITH_GRAPHS or any(a is None for a in arrays.values()):
            return nothing
        ins = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in arrays]
        outs = [
            helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in node.output if n
        ]
        graph = helper.make_graph([node], "one", ins, outs)
        try:
            evaluator = ReferenceEvaluator(graph, opsets=self.opsets)
            found = iter(evaluator.run(None, arrays))
        except Exception:  # what the evaluator cannot compute is not known, whatever the reason
            return nothing
        return [next(found) if name else None for name in node.output]
