"""A recurrent function that may be called again, with other sequences or weights than the first time."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

# Takes inputs, the batch sizes of packed ones or None, initial states and weights; gives outputs and final states.
Again = Callable[
    [Tensor, Tensor | None, tuple[Tensor, ...], tuple[Tensor, ...]], tuple[Tensor, ...]
]


def computing(func: Any, rest: tuple[Any, ...], *, paired: bool, batch_first: bool) -> Again:
    """The function with all that stays.

    Args:
        func: torch.lstm and the like.
        rest: biases, levels, dropout, training, both directions.
        paired: whether it takes the initial states as a pair.
        batch_first: whether inputs that are not packed are (B, T, ·).
    """

    def again(
        x: Tensor, sizes: Tensor | None, states: tuple[Tensor, ...], weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        given, W = states if paired else states[0], list(weights)
        if sizes is not None:
            result: tuple[Tensor, ...] = func(x, sizes, given, W, *rest)
        else:
            result = func(x, given, W, *rest, batch_first)
        return result

    return again
