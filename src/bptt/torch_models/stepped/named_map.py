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


class MapFinder:
    """Finds the same product in the graphs of calls that are built alike: the way to it is kept.

    Args:
        name: of the parameter; None finds nothing.
        params: of the step, by name.
    """

    def __init__(self, name: str | None, params: dict[str, Tensor]) -> None:
        self.name, self.params = name, params
        self._way: tuple[int, list[int]] | None = None

    def find(self, outputs: list[Any], states: list[Tensor]) -> NamedMap | None:
        """The product in one graph.

        Args:
            outputs: edges of what the call put out.
            states: leaves that stand for what came in.
        """
        if self.name is None:
            return None
        if self._way is not None:
            found = self._follow(outputs, states)
            if found is not None:
                return found
        found = named_map(outputs, states, self.params)
        if found is None or found.name != self.name:
            return None
        self._way = _way_to(outputs, found.at.node)
        return found

    def _follow(self, outputs: list[Any], states: list[Tensor]) -> NamedMap | None:
        first, way = self._way or (0, [])
        if first >= len(outputs):
            return None
        node = outputs[first].node
        for step in way:
            if node is None or step >= len(node.next_functions):
                return None
            node = node.next_functions[step][0]
        found = None if node is None else _product(node, states, self.params)
        return found if found is not None and found.name == self.name else None


def _way_to(outputs: list[Any], wanted: Any) -> tuple[int, list[int]] | None:
    """Which output, and which of its functions' inputs at each step, lead to a node."""
    for first, edge in enumerate(outputs):
        pending: list[tuple[Any, list[int]]] = [(edge.node, [])]
        seen = {edge.node}
        while pending:
            node, way = pending.pop()
            if node is wanted:
                return first, way
            for number, (each, _) in enumerate(node.next_functions):
                if each is not None and each not in seen:
                    seen.add(each)
                    pending.append((each, [*way, number]))
    return None


def named_map(
    outputs: list[Any], states: list[Tensor], params: dict[str, Tensor]
) -> NamedMap | None:
    """The only product of a tensor that came in with a parameter; None where there is none, or more than one.

    Args:
        outputs: edges of what a call put out.
        states: leaves that stand for what came in.
        params: of the step, by name.
    """
    found: list[NamedMap] = []
    pending = [edge.node for edge in outputs]
    seen = set(pending)
    while pending:
        node = pending.pop()
        product = _product(node, states, params)
        if product is not None:
            found.append(product)
        for each, _ in node.next_functions:
            if each is not None and each not in seen:
                seen.add(each)
                pending.append(each)
    return found[0] if len(found) == 1 and found[0].weight.ndim == 2 else None


def _product(node: Any, states: list[Tensor], params: dict[str, Tensor]) -> NamedMap | None:
    factors = _FACTORS.get(node.name())
    if factors is None:
        return None
    state, weight = (node.next_functions[at][0] for at in factors)
    came, by = leaf_of(state), leaf_of(weight)
    if came is None or by is None or not any(came is each for each in states):
        return None
    name = next((name for name, value in params.items() if value is by), None)
    if name is None:
        return None
    W = by.detach() if _turned(weight) else by.detach().mT
    return NamedMap(name, W, GradientEdge(node, 0))


def through_views(node: Any) -> Any:
    """The node whose numbers a node hands on as they are."""
    while node is not None and node.name() in _AS_IT_IS:
        node = node.next_functions[0][0]
    return node


def leaf_of(node: Any) -> Tensor | None:
    """The leaf that a node hands on as it is."""
    leaf = getattr(through_views(node), "variable", None)
    return leaf if isinstance(leaf, torch.Tensor) else None


def _turned(node: Any) -> bool:
    turned = False
    while node is not None and node.name() in _AS_IT_IS:
        turned ^= node.name() in ("TBackward0", "TransposeBackward0")
        node = node.next_functions[0][0]
    return turned
