"""The charts of a diagnosis with their headings, findings and tables."""

from bptt.diagnosis import RecurrenceDiagnosis, StateDiagnosis
from bptt.gradients.by_lag import LagProfile
from bptt.presentation.figure import Figure, figure
from bptt.report.charts import findings, tables
from bptt.report.charts.by_lag import Stages, by_lag
from bptt.report.charts.exponents import exponents
from bptt.report.charts.factors import carry, gains
from bptt.report.charts.loss_steps import loss_steps, of_one_step
from bptt.report.charts.memory import Memories, remembered
from bptt.report.charts.parameters import parameters
from bptt.report.charts.shares import shares
from bptt.report.charts.state_errors import errors
from bptt.report.charts.truncation import truncation


def figures(
    stages: Stages, truncated_at: int | None = None, memories: Memories | None = None
) -> list[Figure]:
    """All of them, for one layer; one loss step alone needs no chart of its own beside the gradient by lag.

    Args:
        stages: (name, the layer) at different times, the one to judge last.
        truncated_at: the K that the user truncates at.
        memories: (name, what the top states remember) at the same times; None for a layer below.
    """
    now = stages[-1][1]
    memory = (
        []
        if memories is None or _unmeasured(now, memories)
        else [_memory(memories, now.needed_lag)]
    )
    gated = [] if now.profile.carry_gain is None else [
        figure(
            "carry", "The carry",
            "A gated cell has a way around W_R. The strength is what its gate (LSTM f, GRU z) passes on of "
            "the error per step; the share is the part of the signal, squared, that goes that way."
            if isinstance(now.profile, LagProfile)
            else "The state is carried on by a factor, a, and not by a matrix. The strength is what it passes on of the "
            "error per step; the share is the part of the signal, squared, that goes that way.",
            carry(now.profile),
            lambda: findings.carry(now),
            lambda: tables.carry(now.profile),
        )
    ]  # fmt: skip
    by_loss_step = [] if _one_row(now) else [
        figure(
            "loss_steps", "Loss step by lag",
            "Each row is one step at which the loss is taken; its colour fades to the right as its "
            "error signal is carried back. A row that fades early is a moment whose past cannot be "
            "learnt from.",
            loss_steps(now.profile),
            lambda: findings.loss_steps(now.profile),
            lambda: tables.loss_steps(now.profile),
            "every value is zero."
            if now.profile.log10_signal_by_step is not None
            else "the table would be too large, or both directions of a stack mix in it.",
        ),
    ]  # fmt: skip
    return [
        figure(
            "by_lag", "Gradient by lag",
            "Each point is the size of the part of the gradient that comes from k steps back, on a log scale: "
            "a straight line down is vanishing at a constant rate. The dashed rule marks the horizon, "
            "the dotted one the lag that the task needs.",
            by_lag(stages),
            lambda: findings.by_lag(stages),
            lambda: tables.by_lag(stages),
        ),
        *memory,
        figure(
            "shares", "Signed shares",
            f"The part of {now.profile.symbol} that each lag makes up; all bars add up to 1. A bar below zero pulls against "
            "the gradient.",
            shares(stages),
            lambda: findings.shares(stages),
            lambda: tables.shares(stages),
        ),
        _gains(now),
        *_parameters(now),
        *gated,
        *by_loss_step,
        *_errors(now),
        figure(
            "truncation", "What truncating costs",
            "How far the gradient is off, relative to its size, if backpropagation stops after K steps: by a "
            "window that slides with every step, or by cutting the sequence into chunks of K, which weakens "
            "the short lags too. The dotted line is a bias of 5 %.",
            truncation(now.profile, truncated_at),
            lambda: findings.truncation(now.profile, truncated_at),
            lambda: tables.truncation(now.profile, truncated_at),
        ),
        *_exponents(now),
    ]  # fmt: skip


def _memory(memories: Memories, needed: int) -> Figure:
    return figure(
        "memory", "What the state remembers",
        "How much of the input of k steps ago can be read off the top state by a linear map: R² on sequences "
        "it was not fitted to, 1 is all of it. A gradient that reaches far back "
        "is not enough: the state must hold what the task asks for. Where this curve is at 0 no single input "
        "can be read off; a sum of many still may be. The line by chance is the same fit to the inputs of another "
        "sequence: what the state cannot know. Only what lies above it is remembered.",
        remembered(memories, needed),
        lambda: findings.remembered(memories, needed),
        lambda: tables.remembered(memories, needed),
        "the batch is too small to fit it."
        if memories[-1][1] is None
        else "no input that varies, or none that was held out.",
    )  # fmt: skip


def _gains(now: RecurrenceDiagnosis) -> Figure:
    profile = now.profile
    count = len(profile.factors) - 1 - (profile.carry_gain is not None)
    heading = {
        0: "How the signal grows per step back",
        1: "Why: one gain per step back",
        2: "Why: two gains per step back",
    }
    reading = [
        "ln of the factor by which W_R and the activation's slope φ′ change the error signal from lag k to k+1. Below "
        "zero shrinks it."
        if isinstance(profile, LagProfile)
        else "ln of the factor by which the error signal changes from lag k to k+1. Below zero it shrinks."
    ]
    if profile.between_gain is not None:
        reading.append(
            "What the model does between its steps, dropout, a mask, a norm, has a curve of its own."
        )
    if isinstance(profile, LagProfile) or count:
        reading.append(
            "Together they are the slope of the signal."
            if profile.carry_gain is None
            else "Together also counts what goes by the carry."
        )
    return figure(
        "gains", heading.get(count, "Why: three gains per step back"), " ".join(reading),
        gains(now),
        lambda: findings.gains(now),
        lambda: tables.gains(now),
    )  # fmt: skip


def _parameters(now: RecurrenceDiagnosis) -> list[Figure]:
    """Of a recurrence that is known by its step, each parameter by itself."""
    if not isinstance(now, StateDiagnosis) or len(now.profile.parameters) < 2:
        return []
    return [
        figure(
            "parameters", "Gradient by lag, parameter by parameter",
            "The same split for each parameter of the step, each over the size of its whole gradient: a curve that falls "
            "early belongs to a parameter that learns from the near past alone.",
            parameters(now.profile),
            lambda: findings.parameters(now.profile),
            lambda: tables.parameters(now.profile),
        )
    ]  # fmt: skip


def _errors(now: RecurrenceDiagnosis) -> list[Figure]:
    """The gradient of the states, where it was measured."""
    by_step = now.by_step
    if by_step is None:
        return []
    return [
        figure(
            "errors", "Immediate and total gradient of the states",
            "Two gradients go by the name of ∂E/∂h. The immediate one is what the loss, and the layers above, "
            "send straight to the state of a step: PyTorch shows it after out.retain_grad(). The total one adds "
            "what comes back through all later states. The gradient by lag is computed from the immediate one.",
            errors(by_step),
            lambda: findings.errors(by_step),
            lambda: tables.errors(by_step),
        ),
    ]  # fmt: skip


def _unmeasured(now: RecurrenceDiagnosis, memories: Memories) -> bool:
    """Whether the memory of a recurrence that is known by its step was not asked for."""
    return isinstance(now, StateDiagnosis) and memories[-1][1] is None


def _one_row(now: RecurrenceDiagnosis) -> bool:
    """Whether there is no table of loss steps, or one of a single row."""
    if isinstance(now, StateDiagnosis) and now.profile.log10_signal_by_step is None:
        return True
    return of_one_step(now.profile)


def _exponents(now: RecurrenceDiagnosis) -> list[Figure]:
    """Of a recurrence that is known by its step, where they were measured."""
    if isinstance(now, StateDiagnosis) and now.exponents is None:
        return []
    return [
        figure(
            "lyapunov", "Lyapunov exponents",
            "How fast nearby states of this layer part (above 0) or come together (below 0) on these data, ln "
            "per step, with the standard error. Errors carried far back shrink at the rate of the largest.",
            exponents(now.exponents),
            lambda: findings.exponents(now.exponents),
            lambda: tables.exponents(now.exponents),
            "the sequences are too short, or no state ever changes another.",
        ),
    ]  # fmt: skip
