"""Where a number that is not finite comes from: the loss run once more, every operation watched."""

from bptt.torch_models.nonfinite.where import where_not_finite

__all__ = ["where_not_finite"]
