"""A model is left as it was found: whatever a forward pass changes in it is put back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn


@contextmanager
def untouched(model: nn.Module, modules: Any) -> Iterator[None]:
    """Afterwards everything is as it was: buffers, who needs a gradient, random numbers."""
    buffers = [
        (m, name, buffer, buffer.clone())
        for m in model.modules()
        for name, buffer in m._buffers.items()
        if buffer is not None
    ]
    frozen = [p for m in modules for p in m.parameters(recurse=False) if not p.requires_grad]
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
        with torch.no_grad():
            for m, name, buffer, before in buffers:
                m._buffers[name] = buffer.copy_(before)
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])
        if devices:
            torch.cuda.set_rng_state_all(devices)
