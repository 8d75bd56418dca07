"""A copy of a PyTorch model that a look ahead trains and measures."""

from bptt.torch_models.learner.batches import Batches, batches_of
from bptt.torch_models.learner.kinds import Kinds
from bptt.torch_models.learner.learner import ModuleLearner
from bptt.torch_models.learner.passed import passed

__all__ = ["Batches", "Kinds", "ModuleLearner", "batches_of", "passed"]
