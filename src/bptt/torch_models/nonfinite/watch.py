"""Every operation of a forward pass as it is run: in which call of which module, on which line, from what.

PyTorch shows each function that is called in Python to a ``TorchFunctionMode``. What is made within one operation
(a whole nn.LSTM, a cross-entropy) is not seen, which is as fine as anyone would name it.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import bptt.errors
from bptt.torch_models.as_found import without_wrappers
from bptt.torch_models.nonfinite.numbers import finite, has_nan, storage, tensors

NOT_THE_USERS = tuple(f"{Path(each).parent}/" for each in (bptt.errors.__file__, torch.__file__))
UNFILLED = ("empty", "new_empty")  # what stands there has no meaning yet
WRITERS = ("masked_fill", "fill", "full", "new_full", "where", "index_fill", "setitem", "pad")
IN_PLACE = {"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__"}


@dataclass(eq=False)
class Visit:
    """One call of a module.

    Attributes:
        path: its name in the model.
        module: the module.
        number: which call of it, from 0.
        args: what it was called with.
    """

    path: str
    module: nn.Module
    number: int
    args: Any


@dataclass(eq=False)
class Operation:
    """One operation.

    Attributes:
        name: the function's: "log".
        visit: the innermost call of a named module that it was run in; None outside the model.
        line: file and line of the user's code.
        args: what came in, as it came.
        inputs: the tensors among it.
        outputs: the tensors that came out.
        in_place: whether it wrote over its first argument.
        constant: whether it wrote down an infinity that stands in its call: a mask of -inf is no fault.
        parents: operations that made the inputs which are not finite.
        leaves: inputs that are not finite, and were made by none.
        versions: of the inputs, as they were read.
    """

    name: str
    visit: Visit | None
    line: tuple[str, int]
    args: Any
    inputs: list[Tensor]
    outputs: list[Tensor]
    in_place: bool = False
    constant: bool = False
    parents: list["Operation"] = field(default_factory=list)
    leaves: list[Tensor] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)

    @property
    def bad(self) -> Tensor:
        """The first output that is not finite."""
        return next(out for out in self.outputs if not finite(out))

    @property
    def unchanged(self) -> bool:
        """Whether the inputs still hold what was read."""
        return self.versions == [_version(value) for value in self.inputs]


class Watch(TorchFunctionMode):
    """Writes down every operation while it is entered.

    Attributes:
        operations: in order.
        calls: how often each module was called, by its name.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.paths = {id(m): without_wrappers(path, model) for path, m in model.named_modules()}
        self.operations: list[Operation] = []
        self.calls: Counter[str] = Counter()
        self._makers: dict[int, Operation] = {}  # by the place of their numbers, where not finite
        self._visits: list[Visit] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it, operations and calls of modules are written down."""
        with ExitStack() as stack:
            for module in self.model.modules():
                if isinstance(module, torch.jit.ScriptModule):  # takes no hooks
                    continue
                stack.callback(module.register_forward_pre_hook(self._enter, prepend=True).remove)
                stack.callback(module.register_forward_hook(self._leave, always_call=True).remove)
            stack.enter_context(self)
            yield

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation and write it down."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        if name == "__get__":  # a view or a fact of a tensor: nothing is computed
            return func(*args, **kwargs)
        in_place = name in IN_PLACE or (name.endswith("_") and not name.endswith("__"))
        over = args[:1] if in_place else ()
        spoilt = [value for value in tensors(over) if not finite(value)]
        copied = name != "__setitem__" and [value.detach().clone() for value in over]
        result = func(*args, **kwargs)
        outputs = list({id(out): out for out in tensors((result, over))}.values())
        if outputs and not name.strip("_").startswith(UNFILLED):
            if copied and not all(map(finite, outputs)):  # kept to be quoted
                args = (*copied, *args[1:])
            inputs = list(tensors((args, kwargs)))
            operation = Operation(
                name, self._visits[-1] if self._visits else None, _line(), args, inputs, outputs,
                in_place, versions=[_version(value) for value in inputs],
            )  # fmt: skip
            self._add(operation, kwargs, spoilt)
        return result

    def maker(self, value: Tensor) -> Operation | None:
        """The operation that a tensor which is not finite came out of."""
        at = storage(value)
        return None if at is None else self._makers.get(at)

    def _add(self, operation: Operation, kwargs: Any, spoilt: Iterable[Tensor]) -> None:
        self.operations.append(operation)
        if all(finite(out) for out in operation.outputs):
            return
        over = operation.args[0] if operation.in_place else None
        bad = [v for v in operation.inputs if v is not over and not finite(v)] + list(spoilt)
        for value in bad:
            made_by = self.maker(value)
            if made_by is None:
                operation.leaves.append(value)
            else:
                operation.parents.append(made_by)
        numbers = [n for n in _flat((operation.args, kwargs)) if isinstance(n, float)]
        written = operation.name.strip("_").startswith(WRITERS) and math.inf in map(abs, numbers)
        operation.constant = not bad and not any(map(has_nan, operation.outputs)) and (
            written or not operation.inputs
        )  # fmt: skip
        for out in operation.outputs:
            at = storage(out)
            if at is not None and not finite(out):
                self._makers[at] = operation

    def _enter(self, module: nn.Module, args: Any) -> None:
        path = self.paths[id(module)]
        self._visits.append(Visit(path, module, self.calls[path], args))
        self.calls[path] += 1

    def _leave(self, module: nn.Module, args: Any, result: Any) -> None:
        visit = self._visits.pop()
        unseen = [t for t in tensors(result) if not finite(t) and self.maker(t) is None]
        if unseen and not any(t is arg for t in unseen for arg in tensors(args)):
            # A function with a backward of its own runs unseen: the module is the operation.
            operation = Operation(
                type(module).__name__, visit, ("", 0), args, list(tensors(args)), unseen
            )
            self._add(operation, {}, ())


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _flat(part)
    elif isinstance(value, dict):
        yield from _flat(list(value.values()))
    else:
        yield value


def _version(value: Tensor) -> int:
    return 0 if value.is_inference() else value._version


def _line() -> tuple[str, int]:
    """File and line of the innermost code that is neither PyTorch's nor ours."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(NOT_THE_USERS):
            return file, frame.f_lineno
        frame = frame.f_back
    return "", 0
