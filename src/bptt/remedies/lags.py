"""How many steps back the error signal of each layer has to come."""

from bptt.diagnosis import needed_lags
from bptt.remedies.subject import Subject


def needed_steps(subject: Subject) -> list[int]:
    """Of every layer the steps from where the loss reaches it to the lag that is needed there; at least 1."""
    traces, profiles = subject.traces(), subject.profiles(subject.needed)
    lags = needed_lags(subject.needed_lag, traces, profiles)
    return [max(1, lag - p.first_lag) for lag, p in zip(lags, profiles, strict=True)]
