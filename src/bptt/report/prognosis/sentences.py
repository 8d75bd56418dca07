"""What a look ahead foretells, in words and rounded numbers: the same on the terminal and on every page."""

from collections.abc import Callable
from math import isfinite, isnan

from bptt.presentation.formatting import counted, power_of_ten, r_squared
from bptt.prognoses import Agreement, Measured, Prognosis
from bptt.prognoses.learner import EACH
from bptt.prognoses.prognosis import SURE

HALF = 0.5  # of the loss without the past: a mark of the calibration
MEASURING = 40  # updates of 32 sequences that take as long as measuring at all three points; benchmarks.ahead measures it
# What is missing, in words; each needs the one before.
MISSING = {
    "reach": "The error signal does not arrive where it is needed, and does not grow while the network learns",
    "agreement": "What pulls the same way on other data, in the gradient from the far lags, is too little for the updates that "
    "are left",
    "form": "The network cannot put together what the loss asks for out of what lies that far back",
}
# What usually supplies it: the changes that the remedies try.
SUPPLIED = {
    "reach": "What carries the signal further supplies it: W_R orthogonal or the identity, a gate's bias computed for this "
    "lag, an LSTM or a GRU.",
    "agreement": "What averages the noise, or makes the pull clear, supplies it: a larger batch, more data, a smaller "
    "learning rate, shorter sequences first.",
    "form": "What can express more supplies it: more units, another activation, a gated cell, a layer on top.",
}
OF_ITS_OWN = "What carries the signal further supplies it: the advice of bptt.diagnose says what."  # of any other recurrence
OVERFITS = (
    "What it learns from the sequences of the training carries over to others too little. More sequences, a smaller network or "
    "dropout are the usual cures."
)


def opening(prognosis: Prognosis) -> tuple[str, str]:
    """The sentence, in two parts: what is foretold, and with which numbers."""
    lag, budget = f"lag {prognosis.needed_lag}", f"{prognosis.budget:,} updates"
    if prognosis.diverged:
        return f"The network will not learn {lag} with this training", f". {prognosis.stopped}"
    if prognosis.learnt:
        last = prognosis.measured[-1]
        loss, blind = loss_in(prognosis, last.loss), loss_in(prognosis, last.blind)
        return (
            f"The network will learn {lag}",
            f": after {last.update:,} of {budget} it has begun to. The held-out loss is {loss}; without the past it would "
            f"be {blind}.{_half(prognosis)}",
        )
    chance = probability(prognosis)
    if prognosis.verdict == "will learn":
        return (
            f"The network will learn {lag}",
            f": by about update {_rounded(prognosis.expected_step):,} of {prognosis.budget:,}, with a probability of "
            f"{chance}.{_half(prognosis)}",
        )
    missing = f", and {prognosis.missing} is missing" if prognosis.missing else ""
    if prognosis.verdict == "will not learn":
        return (
            f"The network will not learn {lag} within {budget}",
            f": the probability that it does is {chance}{missing}.",
        )
    if isnan(prognosis.probability):
        because = ": the look ahead ended too early."
    elif not prognosis.settled:
        because = ": when the look ahead ended, the output was still settling on its mean. Give it a larger budget."
    else:
        because = f": the probability that it does is {chance}{missing}."
    return f"It is unclear whether the network will learn {lag} within {budget}", because


def sentence(prognosis: Prognosis) -> str:
    """What is foretold, in one sentence."""
    return "".join(opening(prognosis))


def _half(prognosis: Prognosis) -> str:
    """How likely half of the loss goes; nothing where it has gone, or nobody knows."""
    p = prognosis.chances[HALF]
    if isnan(p) or p == 1:
        return ""
    return f" That half of the loss goes has a probability of {in_per_cent(p)}."


def probability(prognosis: Prognosis) -> str:
    """That it learns within the budget, in per cent; "unknown" where the look ahead was too short to tell."""
    unsettled = not (prognosis.settled or prognosis.learnt or prognosis.diverged)
    return "unknown" if unsettled else in_per_cent(prognosis.probability)


def in_per_cent(p: float) -> str:
    """A probability, never certain."""
    if isnan(p):
        return "unknown"
    return "under 1 %" if p < 0.01 else "over 99 %" if p > 0.99 else f"{100 * p:.0f} %"


def why(prognosis: Prognosis) -> str:
    """What is missing and what it means, or that nothing stands out; nothing where it will learn."""
    if prognosis.verdict == "will learn" or prognosis.diverged or isnan(prognosis.probability):
        return ""
    if prognosis.overfits:
        return OVERFITS
    if prognosis.missing is None:
        return "Of reach, agreement and form none is so small that it alone would explain it."
    supplied = SUPPLIED[prognosis.missing]
    if prognosis.unlike and prognosis.missing == "reach":
        supplied = OF_ITS_OWN
    return f"{MISSING[prognosis.missing]}. {supplied}"


def done(prognosis: Prognosis) -> str:
    """What the look ahead did."""
    last = prognosis.measured[-1].update if prognosis.measured else len(prognosis.losses)
    measured = counted(len(prognosis.measured), "time")
    return (
        f"A copy was trained for {counted(last, 'update')} of a budget of {prognosis.budget:,} and measured {measured} "
        "on data that it was not trained on."
    )


def cost(updates: int, budget: int, batch: int) -> str:
    """What a look ahead will cost, before it starts.

    Args:
        updates: of the look ahead.
        budget: of the training that it is about.
        batch: sequences per update.

    >>> print(cost(200, 2000, 32))
    Trains a copy for 200 updates, a tenth of the budget of 2,000, and measures it 3 times: about as long as 240 updates.
    """
    as_long = updates + round(MEASURING * EACH / batch)
    return (
        f"Trains a copy for {updates:,} updates, a tenth of the budget of {budget:,}, and measures it 3 times: about as "
        f"long as {as_long:,} updates."
    )


def how_sure() -> str:
    """What the probability is."""
    return (
        "To learn means here that the held-out loss comes down by a fifth or more from what the network achieves without the "
        "past. The probability is that of a logistic regression on stored trainings of other networks, most of which had a "
        "budget of 1,000 updates or more: of a much smaller one it says less. Where the answer is not to be known from the "
        f"sequences, as with noisy labels, it promises too much of the loss. From {100 * SURE:.0f} % on it is said that the "
        f"network will learn, up to {100 - 100 * SURE:.0f} % that it will not."
    )


def numbers(prognosis: Prognosis) -> tuple[list[str], list[list[str]]]:
    """The table: heads, a column per measured update, and a row of text per number."""
    lag, near = prognosis.needed_lag, near_lag(prognosis)
    heads = ["", *(_after(m) for m in prognosis.measured)]
    rows = [
        [f"reach: signal at lag {lag}", *_each(prognosis, reach_of)],
        [f"agreement: coherence from lag {near} on", *_each(prognosis, coherence_of)],
        [f"form: R² from lag {near} on", *_each(prognosis, form_of)],
        ["held-out loss", *_each(prognosis, lambda m: loss_in(prognosis, m.loss))],
        ["the same without the past", *_each(prognosis, lambda m: loss_in(prognosis, m.blind))],
    ]
    return heads, rows


def reach_of(measured: Measured) -> str:
    """The signal that arrives, as a part of its size where it starts."""
    return power_of_ten(measured.log10_attenuation)


def coherence_of(measured: Measured) -> str:
    """The coherence with its error; a dash where it was left out."""
    own = measured.agreement_mid
    return "-" if own is None else coherence(own)


def coherence(agreement: Agreement) -> str:
    """With its standard error; no minus zero."""
    return f"{round(agreement.coherence, 2) + 0.0:.2f} ± {agreement.error:.2f}"


def form_of(measured: Measured) -> str:
    """R²; a dash where it was left out."""
    return "-" if measured.form is None else r_squared(measured.form)


def loss_in(prognosis: Prognosis, value: float) -> str:
    """A loss and its unit, where that has a name."""
    digits = f"{value:.3g}" if isfinite(value) else "not finite"
    return f"{digits} {prognosis.unit}" if prognosis.unit in ("bits", "nats") else digits


def near_lag(prognosis: Prognosis) -> int:
    """From where on lags count as far, for agreement and form."""
    return max(1, prognosis.needed_lag // 2)


def _rounded(update: int | None) -> int:
    """To two digits: it is an estimate."""
    return int(float(f"{update or 0:.2g}"))


def _after(measured: Measured) -> str:
    return "at the start" if measured.update == 0 else f"after {measured.update:,}"


def _each(prognosis: Prognosis, written: Callable[[Measured], str]) -> list[str]:
    return [written(measured) for measured in prognosis.measured]
