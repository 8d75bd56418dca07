"""Which calls a tensor was made of, read off the graph."""

from collections.abc import Iterable, Iterator
from typing import Any

from torch.autograd.graph import GradientEdge

from bptt.torch_models.capture.behind import Behind
from bptt.torch_models.capture.calls import Call

Entries = Iterable[GradientEdge | None]


def nodes_of(calls: Iterable[Call]) -> dict[Any, Call]:
    """The calls by the node that their outputs passed last."""
    return {call.out.node: call for call in calls}


def direct(entries: Entries, nodes: dict[Any, Call]) -> list[Call]:
    """The calls that these tensors depend on with no other call in between, in order."""
    calls = {nodes[node].index: nodes[node] for node in _back_to(entries, nodes) if node in nodes}
    return [calls[index] for index in sorted(calls)]


def operations(entries: Entries, calls: Iterable[Call]) -> list[str]:
    """The operations between these tensors and some calls, by their names in the graph."""
    stops = nodes_of(calls)
    inner = (node for node in _back_to(entries, stops) if node not in stops)
    # Not the parameters that the graph ends in.
    return list(dict.fromkeys(node.name() for node in inner if node.next_functions))[:8]


def _back_to(entries: Entries, stops: dict[Any, Call]) -> Iterator[Any]:
    """The nodes that these tensors were made of, back to the stops, which are among them."""
    pending = [entry.node for entry in entries if entry is not None]
    seen = set(pending)
    while pending:
        node = pending.pop()
        yield node
        for earlier, _ in () if node in stops else node.next_functions:
            if earlier is not None and earlier not in seen:
                seen.add(earlier)
                pending.append(earlier)


class Reach:
    """Whether tensors depend on any of some calls, through whatever lies in between.

    Args:
        calls: the calls.
    """

    def __init__(self, calls: Iterable[Call]) -> None:
        self._behind = Behind()
        self._behind.known |= dict.fromkeys(nodes_of(calls), 1)

    def of(self, entries: Entries) -> bool:
        """Whether one of these does."""
        return any(self._behind.of(entry.node) for entry in entries if entry is not None)
