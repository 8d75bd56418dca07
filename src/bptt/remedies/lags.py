"""How many steps back the error signal of each layer has to come."""

from bptt.diagnosis import needed_lags
from bptt.remedies.subject import Subject


def needed_steps(subject: Subject) -> list[int]:
    """Of every layer the steps from where the loss reaches it to the lag that is needed there; at least 1."""
    traces, signals = subject.traces(), subject.signals(subject.needed)
    lags = needed_lags(subject.needed_lag, traces, signals)
    return [max(1, lag - signal.first_lag) for lag, signal in zip(lags, signals, strict=True)]
