"""A word, once, where a call goes to PyTorch's own forward though the loops were asked for."""

import warnings
from typing import Any

from bptt.nn import taken

_said: list[str] = []


def say_why(module: Any, x: Any, weights: Any) -> None:
    """Warn the first time that there is something to say.

    Args:
        module: that was called.
        x: what it reads.
        weights: its own.
    """
    if _said:
        return
    why = taken.why_not(module, x, weights)
    if why is not None:
        _said.append(why)
        warnings.warn(
            f"bptt.nn.{type(module).__name__}: this call is computed by PyTorch's own layer, because {why}. "
            "The numbers are the same. This is said once.",
            stacklevel=5,
        )  # fmt: skip
