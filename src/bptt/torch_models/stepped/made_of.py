"""What a tensor between the calls was made of, read off the graph: outputs of earlier calls, and what came into them.

The graph is cut at the calls, so that a walk ends at what they put out. A tensor that came into a call and goes on past it,
as where a mask keeps the old state or a residual is added, is a stop of its own: errors that go around the call are taken up
there, one step at a time. Sets are whole numbers, a bit for each.
"""

from collections.abc import Iterator
from typing import Any

from torch.autograd.graph import GradientEdge

from bptt.torch_models.capture.behind import Behind

Place = tuple[Any, int]  # a node, and which of its results


class MadeOf:
    """The numbers of outputs and of what came in, behind every node of the graph between the calls.

    Attributes:
        used: ids of the leaves that were met there: parameters that are used outside of the calls.
    """

    def __init__(self) -> None:
        self._behind = Behind(met=self._use)
        self._known = self._behind.known
        self._handed: dict[Any, int] = {}
        self._came_in: dict[Place, list[int]] = {}
        self._level: dict[int, int] = {}
        self.used: set[int] = set()

    def new_number(self, level: int | None = None) -> int:
        """A number for an output, or for what came in at some level."""
        number = len(self._level)
        self._level[number] = -1 if level is None else level
        return number

    def put_out(self, node: Any, number: int) -> None:
        """An output is handed to the model.

        Args:
            node: that it comes from.
            number: of the output.
        """
        self._known[node] = 1 << number
        self._handed[node] = number

    def came_in(self, edge: GradientEdge, number: int, level: int) -> None:
        """A tensor came into a call.

        Args:
            edge: where it comes from.
            number: of it.
            level: of the call.
        """
        self._level[number] = level
        self._known[edge.node] |= 1 << number
        self._came_in.setdefault((edge.node, edge.output_nr), []).append(number)

    def numbers(self, node: Any) -> list[int]:
        """Everything that a node was made of, in order.

        Args:
            node: of the graph, or None for a tensor that needs no gradient.
        """
        return list(_bits(self._behind.of(node))) if node is not None else []

    def handed(self, node: Any) -> int | None:
        """The number of the output that a node hands on as it is; None where it is none."""
        return self._handed.get(node)

    def stops(self, edge: GradientEdge, level: int) -> list[int]:
        """Where the errors at a tensor that comes into a call are taken up: nothing of it lies behind another of them.

        Args:
            edge: where it comes from.
            level: of the call.
        """
        found, bits = self._walk(edge, level - 1), 0
        for number, _ in found.items():
            bits |= 1 << number
        if any(behind & bits & ~(1 << number) for number, behind in found.items()):
            found = self._walk(edge, None)
        return sorted(found)

    def _walk(self, edge: GradientEdge, level: int | None) -> dict[int, int]:
        """The first stops on every way back, each with what lies behind it; those that came in at one level alone."""
        start: Place = (edge.node, edge.output_nr)
        found: dict[int, int] = {}
        pending: list[Place] = [start]
        seen: set[Place] = {start}
        while pending:
            place = pending.pop()
            node = place[0]
            came_in = [n for n in self._came_in.get(place, ()) if self._level[n] == level]
            if came_in and place is not start:
                found[came_in[0]] = self._known[node]
                continue
            if node in self._handed:
                found[self._handed[node]] = 0
                continue
            for earlier, which in node.next_functions:
                before = earlier, which
                if earlier is not None and before not in seen and self._behind.of(earlier):
                    seen.add(before)
                    pending.append(before)
        return found

    def _use(self, node: Any) -> None:
        if hasattr(node, "variable"):
            self.used.add(id(node.variable))


def _bits(number: int) -> Iterator[int]:
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
