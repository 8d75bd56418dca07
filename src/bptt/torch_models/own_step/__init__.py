"""The gradient by lag of a step function of one's own."""

from bptt.torch_models.own_step.lags import StepLags, by_lag

__all__ = ["StepLags", "by_lag"]
