"""A model run as it is written: what PyTorch wraps around it for speed or memory is set aside."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def eagerly(model: nn.Module) -> Iterator[None]:
    """Within it, the model's own Python runs: hooks are called, and every operation is seen.

    Args:
        model: the user's.
    """
    with torch.compiler.set_stance("force_eager"):
        yield
