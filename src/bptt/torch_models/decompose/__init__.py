"""A PyTorch model on a batch, taken apart by lag and checked against autograd."""

from bptt.torch_models.decompose.bounds import Bounds
from bptt.torch_models.decompose.grouped import members_of, not_finite, reached_chains, together
from bptt.torch_models.decompose.take_apart import Decomposed, decompose

__all__ = [
    "Bounds", "Decomposed", "decompose", "members_of", "not_finite", "reached_chains", "together",
]  # fmt: skip
