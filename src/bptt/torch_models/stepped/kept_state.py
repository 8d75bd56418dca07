"""What a module keeps itself from call to call: tensors with a gradient among its attributes and buffers."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class KeptState:
    """The places in a module, and in the modules within it, where a state may be kept.

    Args:
        module: the step.
    """

    def __init__(self, module: nn.Module) -> None:
        self.modules = list(module.modules())

    def tensors(self) -> list[Tensor]:
        """Those that need a gradient, but for parameters."""
        return [
            leaf
            for _, _, value in self._places()
            for leaf in tree_flatten(value)[0]
            if is_kept(leaf)
        ]

    def replace(self, by: Callable[[Tensor], Tensor]) -> None:
        """Put another in the place of each.

        Args:
            by: gives it; the same one to leave it.
        """
        for holder, name, value in list(self._places()):
            leaves, form = tree_flatten(value)
            others = [by(leaf) if is_kept(leaf) else leaf for leaf in leaves]
            if any(a is not b for a, b in zip(leaves, others, strict=True)):
                holder[name] = tree_unflatten(others, form)

    def _places(self) -> Iterator[tuple[dict[str, Any], str, Any]]:
        for module in self.modules:
            for holder in (vars(module), module._buffers):
                for name, value in holder.items():
                    own = holder is module._buffers or name not in _OF_EVERY_MODULE
                    if own and isinstance(value, Tensor | list | tuple | dict):
                        yield holder, name, value


def is_kept(value: Any) -> bool:
    """Whether it is a tensor that may be part of a state."""
    return isinstance(value, Tensor) and value.requires_grad and not isinstance(value, nn.Parameter)
