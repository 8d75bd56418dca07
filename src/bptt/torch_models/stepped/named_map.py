"""The linear map from state to state within a step: the one parameter that multiplies what came in, by name.

Read off the graph of a call: a product of which one factor is a tensor that came in, as it came, and the other a
parameter. nn.Linear, F.linear, h @ W.T and the cells of PyTorch all end in such a product.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

_AS_IT_IS = (
    "CloneBackward0",
    "TBackward0",
    "TransposeBackward0",
    "ViewBackward0",
    "UnsafeViewBackward0",
    "AliasBackward0",
)
_FACTORS = {"AddmmBackward0": (1, 2), "MmBackward0": (0, 1), "LinearBackward0": (0, 1)}


@dataclass(frozen=True, eq=False)
class NamedMap:
    """A product of the state with a parameter.

    Attributes:
        name: of the parameter.
        weight: its numbers, laid out so that errors @ weight are those of the state.
        at: where the product comes out.
    """

    name: str
    weight: Tensor
    at: GradientEdge


def named_map(
    outputs: list[Any], states: list[Tensor], params: dict[str, Tensor]
) -> NamedMap | None:
    """The only product of a tensor that came in with a parameter; None where there is none, or more than one.

    Args:
        outputs: edges of what a call put out.
        states: leaves that stand for what came in.
        params: of the step, by name.
    """
    names = {id(value): name for name, value in params.items()}
    came_in = {id(state) for state in states}
    found: list[NamedMap] = []
    pending = [edge.node for edge in outputs]
    seen = set(pending)
    while pending:
        node = pending.pop()
        factors = _FACTORS.get(node.name())
        if factors is not None:
            state, weight = (node.next_functions[at][0] for at in factors)
            came, by = _leaf(state), _leaf(weight)
            if came is not None and id(came) in came_in and by is not None and id(by) in names:
                W = by.detach() if _turned(weight) else by.detach().mT
                found.append(NamedMap(names[id(by)], W, GradientEdge(node, 0)))
        for each, _ in node.next_functions:
            if each is not None and each not in seen:
                seen.add(each)
                pending.append(each)
    return found[0] if len(found) == 1 and found[0].weight.ndim == 2 else None


def _leaf(node: Any) -> Tensor | None:
    """The leaf that a node hands on as it is."""
    while node is not None and node.name() in _AS_IT_IS:
        node = node.next_functions[0][0]
    leaf = getattr(node, "variable", None)
    return leaf if isinstance(leaf, torch.Tensor) else None


def _turned(node: Any) -> bool:
    turned = False
    while node is not None and node.name() in _AS_IT_IS:
        turned ^= node.name() in ("TBackward0", "TransposeBackward0")
        node = node.next_functions[0][0]
    return turned
