"""The gradient by the step at which the weight acts."""

from bptt.gradients.by_step.profile import StepProfile
from bptt.gradients.by_step.split import by_step, linked_by_step

__all__ = ["StepProfile", "by_step", "linked_by_step"]
