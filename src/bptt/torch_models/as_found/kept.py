"""What a thing holds, kept so that it can be put back: the very objects, and the numbers in tensors and arrays."""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from bptt.torch_models.as_found.contents import attributes, entries, of_container
from bptt.torch_models.as_found.held import GENERATORS, REGISTRIES, own_classes, slots

_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


class Kept(Protocol):
    """One thing as it was.

    Attributes:
        of: the thing.
    """

    @property
    def of(self) -> Any: ...  # noqa: D102

    def changed(self) -> bool:
        """Whether it is another by now."""
        ...

    def put_back(self) -> None:
        """Make it as it was."""
        ...


def kept(thing: Any) -> list[Kept]:
    """What is kept of one thing; what it holds is kept by itself.

    Args:
        thing: as ``held`` yields it.
    """
    if isinstance(thing, Tensor):
        own = [entries(vars(thing))] if vars(thing) else []
        return [KeptTensor(thing), *own]
    if isinstance(thing, np.ndarray):
        return [KeptArray(thing)]
    if isinstance(thing, GENERATORS):
        return [KeptGenerator(thing)]
    parts: list[Kept] = [*of_container(thing)]
    if isinstance(thing, nn.Module):
        parts += [KeptKind(thing)]
        parts += [entries(vars(thing)[name]) for name in REGISTRIES if name in vars(thing)]
    if hasattr(thing, "__dict__"):
        parts.append(entries(vars(thing)))
    if slots(thing):
        parts.append(attributes(thing))
    parts += [attributes(kind) for kind in own_classes(thing)]
    return parts


class KeptKind:
    """The class of a module: one that is initialised when it is first called takes on another."""

    def __init__(self, of: nn.Module) -> None:
        self.of, self._kind = of, type(of)

    def changed(self) -> bool:
        """Whether it is of another class."""
        return type(self.of) is not self._kind

    def put_back(self) -> None:
        """Make it one of its class again."""
        if self.changed():
            self.of.__class__ = self._kind


class KeptTensor:
    """A tensor: where its numbers lie and what they are, and what autograd knows of it.

    Its gradient is taken away until it is put back, so that nobody can write into it meanwhile.
    """

    def __init__(self, of: Tensor) -> None:
        self.of, self._kind = of, type(of)
        self._data = of.data
        self._version = None if of.is_inference() else of._version
        self._requires_grad, self._grad_fn = of.requires_grad, of.grad_fn
        self._hooks = {name: dict(getattr(of, name, None) or {}) for name in _HOOKS}
        self._bytes = _bytes(self._data)
        self._before = self._bytes.clone()
        self._grad = of.grad if of.is_leaf else None
        if self._grad is not None:
            of.grad = None

    def changed(self) -> bool:
        """Whether its numbers or their place are others."""
        if type(self.of) is not self._kind or not _same_place(self.of.data, self._data):
            return True
        written = self._version is not None and self.of._version != self._version
        return written or self._rewritten()

    def _rewritten(self) -> bool:
        return not torch.equal(self._bytes, self._before)

    def put_back(self) -> None:
        """Put back place, numbers, gradient and hooks, each only where it is another."""
        of = self.of
        if type(of) is not self._kind:
            of.__class__ = self._kind
        if not _same_place(of.data, self._data):
            of.data = self._data
        if self._rewritten():
            self._bytes.copy_(self._before)
        if of.grad_fn is not self._grad_fn and self._grad_fn is None:
            of.detach_()  # something with a past was written into it
        if of.is_leaf and of.requires_grad is not self._requires_grad:
            of.requires_grad_(self._requires_grad)
        if of.is_leaf and of.grad is not self._grad:
            of.grad = self._grad
        for name, before in self._hooks.items():
            hooks = getattr(of, name, None)
            if hooks is not None and dict(hooks) != before:
                hooks.clear()
                hooks.update(before)


class KeptArray:
    """A NumPy array and the numbers in it."""

    def __init__(self, of: Any) -> None:
        self.of, self._before = of, of.copy()

    def changed(self) -> bool:
        """Whether its numbers are others."""
        same: bool = (
            self.of.shape == self._before.shape and self.of.tobytes() == self._before.tobytes()
        )
        return not same

    def put_back(self) -> None:
        """Write the numbers back, where they are others."""
        if self.of.flags.writeable and self.changed():
            self.of.shape = self._before.shape
            self.of[...] = self._before


class KeptGenerator:
    """A generator of random numbers and its state."""

    def __init__(self, of: Any) -> None:
        self.of, self._state = of, _state(of)

    def changed(self) -> bool:
        """A generator is no memory: what was drawn does not count."""
        return False

    def put_back(self) -> None:
        """Let it draw the same numbers again."""
        if isinstance(self.of, np.random.Generator):
            self.of.bit_generator.state = self._state
        elif isinstance(self.of, torch.Generator | np.random.RandomState):
            self.of.set_state(self._state)
        else:
            self.of.setstate(self._state)


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, torch.Generator | np.random.RandomState):
        return generator.get_state()
    return generator.getstate()


def _same_place(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are the same numbers in memory, seen in the same way."""
    if (a.dtype, a.device, a.layout) != (b.dtype, b.device, b.layout) or a.shape != b.shape:
        return False
    if a.layout != torch.strided or a.is_meta:
        return True
    return (a.data_ptr(), a.stride()) == (b.data_ptr(), b.stride())


def _bytes(tensor: Tensor) -> Tensor:
    """The memory from a tensor's first number to its last, as bytes; none where it has none of its own.

    Bytes are compared bit for bit, whatever the type, and written without autograd's noticing.
    """
    wraps = hasattr(
        tensor, "__tensor_flatten__"
    )  # the tensors that it holds are kept by themselves
    if wraps or tensor.layout != torch.strided or tensor.is_meta or tensor.numel() == 0:
        return torch.empty(0, dtype=torch.uint8)
    size = tensor.element_size()
    first = tensor.storage_offset() * size
    reach = sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    memory = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())
    return memory[first : first + (reach + 1) * size]
