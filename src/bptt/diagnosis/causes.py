r"""Why the signal vanishes or explodes, with a number (Q9, Q12).

Plain RNN: each step back multiplies the signal by W_R and by φ′, and the two gains, in ln, add up to what
happened. Most gated cells have a way around W_R, the carry: LSTM f ⊙ dc, GRU z ⊙ dh. Where most of the
signal goes by the carry, its strength decides; else the gains of the way through W_R do. All of them are measured
along the signal: what the units do that it does not pass decides nothing.
"""

import numpy as np

from bptt.diagnosis.activity import SATURATED
from bptt.diagnosis.cause import BULK, LN10, Cause, capital, cause_between, cause_of_none, times
from bptt.diagnosis.evidence import Evidence
from bptt.diagnosis.large_inputs import cause_of_large_inputs
from bptt.dynamics import Spectrum
from bptt.dynamics.spectrum import log_largest_power
from bptt.gradients.by_lag import LagProfile
from bptt.presentation.formatting import percent

LONGEST = 256  # powers of W_R that are looked at; no transient lasts so long


def cause_of(evidence: Evidence) -> Cause:
    """The factor that carries most of a verdict."""
    profile, needed = evidence.profile, evidence.needed
    plain = cause_of_none(evidence)
    if plain is not None:
        return plain
    if evidence.verdict == "vanishing" and profile.log10_signal[needed] == -np.inf:
        return cause_of_large_inputs(evidence, _ended(profile))
    between = cause_between(evidence, _within(evidence))
    if between is not None:
        return between
    if evidence.verdict == "exploding":
        return _grown(evidence)
    return cause_of_large_inputs(evidence, _by_carry(evidence) or _shrunk(evidence))


def _numbers(evidence: Evidence) -> str:
    slopes = "slopes of the gates" if evidence.gated else "activation"
    return (
        f"over lags {evidence.first} to {evidence.last} W_R multiplies what passes through it by "
        f"{times(evidence.by_weights)}, the {slopes} by {times(evidence.by_slopes)}"
    )


def _within(evidence: Evidence) -> str:
    """What the steps by themselves do, where something lies between them."""
    share = evidence.carry_share
    if share is not None and share >= 0.5:  # the numbers are those of the way through W_R
        return f"{percent(share)} of the signal goes by the carry, which passes on {evidence.passed_on:.2f} of it per step"
    return _numbers(evidence)


def _grown(evidence: Evidence) -> Cause:
    by_weights, by_slopes, numbers = evidence.by_weights, evidence.by_slopes, _numbers(evidence)
    total = LN10 * float(evidence.profile.log10_growth[evidence.last])
    if evidence.most_by_itself < BULK * total:
        return Cause(
            "layers above", total / LN10,
            f"By itself this layer lets the signal grow by no more than {times(evidence.most_by_itself)} up to lag "
            f"{evidence.last}. Layers above pass errors down at every lag, and they add up to {times(total)}.",
        )  # fmt: skip
    if evidence.gated:
        per_step = float(np.exp(by_weights / evidence.steps))
        return Cause(
            "weights", float(np.log(evidence.growth)),
            f"The signal grows through the gates and W_R: up to lag {evidence.last} a step back multiplies it by "
            f"{evidence.growth:.3g} on average, and W_R multiplies what passes through it by {per_step:.3g}.",
        )  # fmt: skip
    if by_slopes > by_weights:
        return Cause("activation slope", by_slopes / evidence.steps, f"φ′ above one: {numbers}.")
    spectrum = evidence.weights
    if _is_transient(evidence):
        largest = spectrum.last if spectrum.peak is None else spectrum.peak
        return Cause(
            "non-normal transient", largest, f"{_transient(spectrum)}. {capital(numbers)}."
        )
    return Cause(
        "weights", by_weights / evidence.steps,
        f"W_R grows the signal, with a spectral radius of {spectrum.radius:.3g}: {numbers}.",
    )  # fmt: skip


def _is_transient(evidence: Evidence) -> bool:
    """Whether W_R grows the signal more than its eigenvalues do, and its powers say the same.

    ‖W_R^k‖ is ρ^k of a normal W_R. Where units are off, or come and go, the part of W_R that is on may have other
    eigenvalues: a growth that the powers of W_R do not show is no transient of W_R.
    """
    by_weights = evidence.by_weights
    by_eigenvalues = evidence.steps * float(np.log(max(evidence.weights.radius, 1.0)))
    if by_eigenvalues >= BULK * by_weights:
        return False
    most = min(evidence.steps, LONGEST)
    by_powers = log_largest_power(evidence.layer.W_R, evidence.weights, most)
    return by_powers - by_eigenvalues >= BULK * (by_weights - by_eigenvalues)


def _transient(spectrum: Spectrum) -> str:
    powers = (
        f"‖W_R^k‖ still grows at k = 64, the last power computed, where it is {spectrum.last:.3g}"
        if spectrum.peak is None
        else f"‖W_R^k‖ peaks at {spectrum.peak:.3g} (k = {spectrum.peak_power})"
    )
    return (
        f"W_R is not normal (Henrici's departure is {spectrum.departure:.2f}, of at most 1): {powers}, although its "
        f"spectral radius is {spectrum.radius:.3g}"
    )


def _shrunk(evidence: Evidence) -> Cause:
    numbers, slope = _numbers(evidence), evidence.slope
    if evidence.by_weights < evidence.by_slopes:
        return Cause(
            "weights", evidence.by_weights / evidence.steps, f"W_R shrinks the signal: {numbers}."
        )
    if evidence.gated:
        return _shut(evidence)
    # What even the steepest slope would do, lag after lag; the rest is where the units work.
    steepest = evidence.activity.steepest
    if evidence.steps * np.log(steepest) < BULK * evidence.by_slopes:
        return Cause(
            "activation slope", steepest,
            f"φ′ of this activation is at most {steepest:.2g}: {numbers}.",
        )  # fmt: skip
    return Cause(
        "saturation", slope,
        f"The units that carry the signal operate where φ′ is small: it passes on {slope:.2f} per step, and could pass on "
        f"{steepest:.2g}. {capital(numbers)}.",
    )  # fmt: skip


def _shut(evidence: Evidence) -> Cause:
    """The gates let too little through to W_R."""
    numbers, slope, carry = _numbers(evidence), evidence.slope, evidence.cell.carry_gate
    if carry is not None and evidence.passed_on >= evidence.enough:
        return Cause(
            "saturation", slope,
            f"The {evidence.cell.gates[carry]} gate is open, {carry} is {evidence.passed_on:.2f}, but little of the "
            f"signal gets onto the carry: {numbers}.",
        )  # fmt: skip
    if slope < SATURATED:
        return Cause(
            "saturation", slope,
            f"The gates that the signal meets are saturated, their slopes pass on {slope:.2g} per step: {numbers}.",
        )  # fmt: skip
    strength = evidence.passed_on
    if carry is None:
        return Cause("gates closed", slope, f"The gates let little through: {numbers}.")
    return Cause(
        "gates closed", strength,
        f"The gates let little through: {numbers}, and the carry passes on only {strength:.2f} per step.",
    )  # fmt: skip


def _by_carry(evidence: Evidence) -> Cause | None:
    """The carry, if most of the signal goes that way."""
    share, strength = evidence.carry_share, evidence.carry_strength
    if share is None or strength is None or share < 0.5:
        return None
    total = evidence.steps * np.log(strength) if strength else -np.inf
    if total > BULK * LN10 * float(evidence.profile.log10_growth[evidence.last]):
        return None  # the carry keeps it: it was lost on the way there
    return Cause(
        "gates closed", strength,
        f"{percent(share)} of the signal goes by the carry, which passes on {strength:.2f} of it per step: "
        f"{times(total)} over lags {evidence.first} to {evidence.last}.",
    )  # fmt: skip


def _ended(profile: LagProfile) -> Cause:
    """The signal is exactly zero from some lag on: which factor made it so."""
    first = profile.first_lag
    lag = first + int(np.argmax(profile.log10_signal[first:] == -np.inf))
    if lag and profile.weight_gain[lag - 1] == -np.inf:
        return Cause("weights", -np.inf, f"W_R is zero for all that is left at lag {lag}.")
    if lag and profile.between_gain is not None and profile.between_gain[lag - 1] == -np.inf:
        return Cause(
            "between the steps", 0.0,
            f"What the model does between the steps passes nothing on to lag {lag}.",
        )  # fmt: skip
    return Cause("saturation", 0.0, f"At lag {lag} no unit passes any signal on.")
