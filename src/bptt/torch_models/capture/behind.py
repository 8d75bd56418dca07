"""What lies behind the nodes of a graph, each node looked at once. Sets are whole numbers, a bit for each member."""

from collections.abc import Callable, Mapping
from typing import Any


class Behind:
    """Bits of everything that a node was made of.

    Args:
        own: bits that a node adds itself; the walk goes on behind it.
        met: called with each node that is looked at.

    Attributes:
        known: bits by node. What is put in here beforehand ends the walk: nothing behind it is looked at. It keeps the
            nodes, and with them their ids.
    """

    def __init__(
        self, own: Mapping[Any, int] | None = None, met: Callable[[Any], object] | None = None
    ) -> None:
        self.known: dict[Any, int] = {}
        self._own, self._met = own or {}, met

    def of(self, root: Any) -> int:
        """Of a node, what it adds itself among them."""
        known = self.known
        if root in known:
            return known[root]
        # Depth first without recursion: graphs are deeper than Python's stack.
        path = [self._enter(root)]
        while path:
            node, rest = path[-1]
            for earlier, _ in rest:
                if earlier is None:
                    continue
                if earlier not in known:
                    path.append(self._enter(earlier))
                    break
                known[node] |= known[earlier]
            else:
                path.pop()
                if path:
                    known[path[-1][0]] |= known[node]
        return known[root]

    def _enter(self, node: Any) -> tuple[Any, Any]:
        self.known[node] = self._own.get(node, 0)
        if self._met is not None:
            self._met(node)
        return node, iter(node.next_functions)
