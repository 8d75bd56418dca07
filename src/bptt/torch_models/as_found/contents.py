"""What a container holds, kept so that it can be put back: the very objects, under their names."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from bptt.torch_models.as_found.held import of_class, slots


class KeptContents:
    """The very objects in a container, under their names.

    Attributes:
        names: of what it holds, where they have names.
        values: what it held.
        given: what stands in the place of that until it is put back.
    """

    def __init__(self, of: Any, contents: Any) -> None:
        self.of, self._contents = of, contents
        self.names, self.values = contents.read(of)
        self.given = self.values

    def changed(self) -> bool:
        """Whether it holds others, or in another order."""
        return not self._holds(self.given)

    def put_back(self) -> None:
        """Let it hold what it held."""
        if not self._holds(self.values):
            self._contents.write(self.of, self.names, self.values)

    def replace(self, by: Callable[[Any], Any]) -> None:
        """Let it hold, in the place of each value, what ``by`` makes of it."""
        self.given = [by(value) for value in self.values]
        if not _same(self.given, self.values):
            self._contents.write(self.of, self.names, self.given)

    def now(self) -> dict[Any, Any]:
        """What it holds by now, by name; nothing where there are none."""
        return dict(zip(*self._contents.read(self.of), strict=False))

    def set(self, name: Any, value: Any) -> None:
        """Let it hold a value under a name."""
        now = self.now() | {name: value}
        self._contents.write(self.of, [*now], [*now.values()])

    def remove(self, name: Any) -> None:
        """Let it hold nothing under a name."""
        now = self.now()
        del now[name]
        self._contents.write(self.of, [*now], [*now.values()])

    def _holds(self, values: list[Any]) -> bool:
        names, now = self._contents.read(self.of)
        return _same(names, self.names) and _same(now, values)


def entries(of: dict[Any, Any]) -> KeptContents:
    """Of a dict, or of what an object has in its own."""
    return KeptContents(of, _Entries())


def attributes(of: Any) -> KeptContents:
    """Of an object, those that lie outside its dict; of a class its own."""
    if isinstance(of, type):
        return KeptContents(of, _Attributes(of_class, setattr, delattr))
    return KeptContents(of, _Attributes(slots, object.__setattr__, object.__delattr__))


def of_container(of: Any) -> list[KeptContents]:
    """Of a dict, list, deque, set or bytearray; nothing of anything else."""
    return [KeptContents(of, own()) for kinds, own in _CONTENTS if isinstance(of, kinds)]


class _Entries:
    """Of a dict. An OrderedDict keeps its order beside, so its own methods must write."""

    def read(self, of: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
        return list(of.keys()), list(of.values())

    def write(self, of: dict[Any, Any], names: list[Any], values: list[Any]) -> None:
        own: Any = OrderedDict if isinstance(of, OrderedDict) else dict
        if not _same(list(of.keys()), names):
            own.clear(of)
        for name, value in zip(names, values, strict=True):
            own.__setitem__(of, name, value)


class _Sequence:
    """Of a list or a deque."""

    def read(self, of: Any) -> tuple[list[Any], list[Any]]:
        return [], list(of)

    def write(self, of: Any, names: list[Any], values: list[Any]) -> None:
        own: Any = list if isinstance(of, list) else deque
        own.clear(of)
        own.extend(of, values)


class _Members:
    """Of a set."""

    def read(self, of: set[Any]) -> tuple[list[Any], list[Any]]:
        return [], list(of)

    def write(self, of: set[Any], names: list[Any], values: list[Any]) -> None:
        set.clear(of)
        set.update(of, values)


class _Bytes:
    """Of a bytearray."""

    def read(self, of: bytearray) -> tuple[list[Any], list[Any]]:
        return [], list(of)

    def write(self, of: bytearray, names: list[Any], values: list[Any]) -> None:
        of[:] = bytes(values)


class _Attributes:
    """Of an object or a class, by their names."""

    def __init__(self, names: Any, write: Any, delete: Any) -> None:
        self._names, self._write, self._delete = names, write, delete

    def read(self, of: Any) -> tuple[list[Any], list[Any]]:
        names = self._names(of)
        return names, [
            vars(of)[name] if isinstance(of, type) else getattr(of, name) for name in names
        ]

    def write(self, of: Any, names: list[Any], values: list[Any]) -> None:
        for name in set(self._names(of)) - set(names):
            self._delete(of, name)
        for name, value in zip(names, values, strict=True):
            self._write(of, name, value)


_CONTENTS: tuple[tuple[Any, Any], ...] = (
    (dict, _Entries), ((list, deque), _Sequence), (set, _Members), (bytearray, _Bytes),
)  # fmt: skip


def _same(a: list[Any], b: list[Any]) -> bool:
    """Whether two lists hold the very same objects."""
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
