"""``torch.compile`` lets our layers in.

Dynamo stops at whatever is an nn.RNN, nn.GRU or nn.LSTM, unless ``torch._dynamo.config.allow_rnn`` is set, which would have it unroll
PyTorch's own too. Our classes are one operator. So it is told of them, and of them alone, as soon as it is there: importing it
takes seconds, which whoever compiles nothing should not wait for.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

BUILDER = "torch._dynamo.variables.builder"


def admit(*classes: type) -> None:
    """Now, or when Dynamo is imported.

    Args:
        classes: of modules that it may look into.
    """
    if BUILDER in sys.modules:
        _tell(sys.modules[BUILDER], classes)
    else:
        sys.meta_path.insert(0, _Waiting(classes))


class _Waiting(MetaPathFinder):
    """Sees the import of Dynamo's builder, and is gone."""

    def __init__(self, classes: tuple[type, ...]) -> None:
        self.classes = classes

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != BUILDER:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def and_tell(module: ModuleType) -> None:
            execute(module)
            _tell(module, self.classes)

        spec.loader.exec_module = and_tell  # type: ignore[method-assign]
        return spec


def _tell(builder: Any, classes: tuple[type, ...]) -> None:
    """Dynamo looks up by its class what it does with a value."""

    def wrap(self: Any, value: Any) -> Any:
        with builder.config.patch(allow_rnn=True):
            return self.wrap_module(value)

    try:
        builder.VariableBuilder._type_dispatch().update(dict.fromkeys(classes, wrap))
    except AttributeError:  # another PyTorch: it names the setting itself where it stops
        return
