"""A model is run as it is written, and left as it was found."""

from bptt.torch_models.as_found.copied import copied
from bptt.torch_models.as_found.eagerly import (
    eagerly,
    is_pytorchs,
    recording,
    unwrapped,
    without_wrappers,
)
from bptt.torch_models.as_found.memory import Memory
from bptt.torch_models.as_found.random_numbers import Stream, random_numbers_kept, seed_all
from bptt.torch_models.as_found.untouched import untouched

__all__ = [
    "Memory",
    "Stream",
    "copied",
    "eagerly",
    "is_pytorchs",
    "random_numbers_kept",
    "recording",
    "seed_all",
    "untouched",
    "unwrapped",
    "without_wrappers",
]
