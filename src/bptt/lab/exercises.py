"""Four exercises that check themselves: what is right is measured on the page's own setting.

Nothing is looked up: each check makes the network that the setting and the question say, measures it, and says
what was measured for the answer that was given.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import ACTIVATIONS
from bptt.configuration import Configuration
from bptt.diagnosis import Verdict, judged, needed_or_half, severity
from bptt.dynamics import lyapunov
from bptt.errors import BpttError
from bptt.gradients.by_lag import LagProfile, by_lag
from bptt.layers.kinds import KINDS
from bptt.presentation.formatting import percent, power_of_ten

STEADY = 0.02  # |λ₁| per step that counts as neither: over 50 steps a factor of e
SEEDS = 4
STEPS, SEQUENCES = 100, 4
GAINS = np.geomspace(0.25, 8, 11)  # where it is asked whether there is an answer at all
LARGEST_GAIN = 1000.0
LOG10_GONE = -2.0
CLOSE = 0.1  # of the lag that is right
BIAS = 0.05


@dataclass(frozen=True)
class Checked:
    """What came of an answer.

    Attributes:
        right: whether the answer is.
        sentence: what was measured, and where it is wrong which way to go.
    """

    right: bool
    sentence: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        key: its name.
        title: in a few words.
        question: plain words, with formulas between $.
        hint: for those who want one.
        choices: the answers there are; empty where the answer is a number.
        judge: (answer, setting) -> what came of it; ``check`` is for the page.
    """

    key: str
    title: str
    question: str
    hint: str
    choices: tuple[str, ...]
    judge: Callable[[Any, Configuration], Checked]

    def check(self, answer: Any, setting: Configuration) -> Checked:
        """Judge an answer under the page's setting; an answer of any kind gets a sentence."""
        try:
            return self.judge(answer, setting)
        except BpttError as error:
            return Checked(False, f"This network cannot be measured. {error}")


@lru_cache(maxsize=256)
def exponent(setting: Configuration, gain: float) -> float:
    """λ₁ of the plain tanh network of the first exercise, ln per step, the mean over its seeds.

    Raises:
        BpttError: if no such network can be made.
    """
    seeds = range(setting.seed, setting.seed + SEEDS)
    drawn = (replace(setting, gain=gain, seed=seed).build() for seed in seeds)
    traces = (each.network.layer.forward(each.batch["x"]) for each in drawn)
    return float(np.mean([lyapunov(trace, count=1).exponents[0] for trace in traces]))


def plain_tanh(setting: Configuration) -> Configuration:
    """The variation of the first exercise: a plain tanh network of one layer that reads noise."""
    init = "orthogonal" if setting.init == "identity" else setting.init
    return replace(
        setting, cell="rnn", activation="tanh", layers=1, init=init, data="noise", loss_at=None,
        gain=1.0, length=STEPS, batch=SEQUENCES,
    )  # fmt: skip


def _kept(setting: Configuration, gains: Array) -> bool:
    """Whether the signal is kept, or grows, at one of these gains."""
    return any(exponent(setting, float(gain)) >= -STEADY for gain in gains)


def _gain(answer: Any, setting: Configuration) -> Checked:
    gain = _number(answer)
    if gain is None or not 0 < gain <= LARGEST_GAIN:
        return Checked(False, f"The answer is a gain: a number above 0, up to {LARGEST_GAIN:g}.")
    plain = plain_tanh(setting)
    rate = exponent(plain, gain)
    measured = f"At gain {gain:g} the largest Lyapunov exponent is {rate:+.3f} per step"
    if abs(rate) <= STEADY:
        return Checked(
            True,
            f"Right. {measured}: over 50 steps the signal keeps its size within a factor of "
            f"{np.exp(50 * STEADY):.1f}. There W_R makes up for what the slopes φ′ take away.",
        )
    over_ten = power_of_ten(10 * rate / np.log(10))
    change = f"{measured}: in 10 steps the signal becomes {over_ten} times as large"
    if rate < 0 and _kept(plain, GAINS[gain < GAINS]):
        return Checked(False, f"{change}. Try a larger gain.")
    # Far beyond the answer a few tanh units can all be saturated: there λ₁ is below 0 again.
    if rate > 0 or _kept(plain, GAINS[gain > GAINS]):
        return Checked(False, f"{change}. Try a smaller gain.")
    return Checked(
        False,
        f"{measured}. Under this setting it stays below 0 at every gain tried, from {GAINS[0]:g} to "
        f"{GAINS[-1]:g}: there is no answer. Take more units or weaker "
        "inputs.",
    )


@lru_cache(maxsize=16)
def decisive(setting: Configuration) -> tuple[Verdict, LagProfile, int]:
    """The verdict of ``diagnose_network``, the layer's profile that decides it, and T of the batch.

    Raises:
        BpttError: if the network cannot be made or run.
    """
    built = setting.build()
    run, T = built.network.run(**built.batch), len(built.batch["x"])
    needed = needed_or_half(built.needed_lag, T)
    layers = [(profile, *judged(profile, needed)) for profile in by_lag(run.stack_trace, run.dh)]
    worst, verdict, _ = max(layers, key=lambda each: severity(each[1], each[0], each[2]))
    return verdict, worst, T


def _lag(answer: Any, setting: Configuration) -> Checked:
    _, profile, T = decisive(setting)
    lag = _whole(answer)
    if lag is None or not 0 < lag < T:
        return Checked(False, f"The answer is a lag: a whole number from 1 to {T - 1}.")
    # Lags behind the last one computed hold no signal at all.
    growth = np.full(T, -np.inf)
    growth[: len(profile.log10_growth)] = profile.log10_growth
    below = np.flatnonzero(growth < LOG10_GONE)
    measured = (
        f"At lag {lag} the signal is {power_of_ten(float(growth[lag]))} of what it is at lag 0"
    )
    if not len(below):
        bias = (
            ""
            if KINDS[setting.cell].cell.carry_gate is None
            else ", or lower the bias, which closes the carry"
        )
        return Checked(
            False,
            f"{measured}, and at none of the {T - 1} lags is it below 0.01: under this setting there is "
            f"no answer. Lower the gain{bias}.",
        )
    first = int(below[0])
    if abs(lag - first) <= max(1.0, CLOSE * first):
        return Checked(True, f"Right. {measured}; it first falls below 0.01 at lag {first}.")
    way = "It falls below 0.01 at a larger lag." if lag < first else "It fell below 0.01 before."
    return Checked(False, f"{measured}. {way}")


def _explodes(setting: Configuration) -> bool:
    """Whether the signal does with any activation there is."""
    settings = (replace(setting, activation=name) for name in reversed(ACTIVATIONS))
    return any(decisive(one)[0] == "exploding" for one in settings)


def _activation(answer: Any, setting: Configuration) -> Checked:
    if not isinstance(answer, str) or answer not in ACTIVATIONS:
        return Checked(False, f"The answer is one of {', '.join(ACTIVATIONS)}.")
    # float64, because states that explode too would leave the range of float32
    plain = replace(setting, cell="rnn", activation=answer, dtype="float64")
    verdict, profile, _ = decisive(plain)
    growth = profile.log10_growth
    lag = int(growth.argmax())
    largest = (
        f"the signal grows to {power_of_ten(float(growth[lag]))} times its size at lag 0, at lag {lag}"
        if growth[lag] > 0.01
        else "the signal is nowhere larger than at lag 0"
    )
    measured = f"With {answer} the verdict is {verdict}: {largest}"
    if verdict == "exploding":
        return Checked(True, f"Right. {measured}. Its slopes φ′ do not take away what W_R adds.")
    if not _explodes(plain):
        return Checked(False, f"{measured}. No activation makes it explode here: raise the gain.")
    way = "Look for one whose slopes stay larger where these units work."
    return Checked(False, f"{measured}, and exploding means past 100 times. {way}")


def _truncation(answer: Any, setting: Configuration) -> Checked:
    _, profile, T = decisive(setting)
    K = _whole(answer)
    if K is None or not 0 < K <= T:
        return Checked(False, f"The answer is a number of steps: a whole number from 1 to {T}.")
    if profile.log10_whole == -np.inf:
        return Checked(
            False,
            "The gradient of W_R is zero under this setting: there is no answer. Raise the gain.",
        )
    bias = profile.truncation(K).relative_bias
    measured = f"A window of {K} misses {percent(bias)} of the gradient of W_R"
    shortest = profile.shortest_truncation(BIAS)
    if shortest is None or not np.isfinite(profile.log10_norm[shortest:]).any():
        return Checked(
            False,
            f"{measured}. Under this setting no window shorter than the past itself misses at most 5 %: "
            "there is no answer. Lower the gain, or take longer sequences.",
        )
    if K == shortest:
        return Checked(True, f"Right. {measured}; from no shorter one on is it 5 % or less.")
    if K > shortest:
        return Checked(False, f"{measured}. A shorter window would do.")
    if bias <= BIAS:
        return Checked(
            False,
            f"{measured}, but a slightly longer one misses more than 5 % again, because lags cancel. Look for "
            "the window from which on it stays below.",
        )
    return Checked(False, f"{measured}. Take a longer one.")


def _number(answer: Any) -> float | None:
    """A finite number, given as one or in digits; None for anything else."""
    if isinstance(answer, bool):
        return None
    try:
        value = float(answer)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if np.isfinite(value) else None


def _whole(answer: Any) -> int | None:
    value = _number(answer)
    return None if value is None or value != int(value) else int(value)


GAIN = Exercise(
    "gain",
    "A gain that keeps the signal",
    f"Take the setting as a plain tanh network: one layer that reads {STEPS} steps of noise, with the "
    "units, initial weights and input strength of the sliders (orthogonal weights in the place of the "
    "identity). At which gain of $W_R$ does the error signal neither vanish nor explode? It is measured "
    f"by the largest Lyapunov exponent $\\lambda_1$, the mean over {SEEDS} draws of weights and inputs, of which "
    "the picture shows one; right is "
    f"$|\\lambda_1| \\le {STEADY}$ per step.",
    "Without inputs every unit rests at $z = 0$, where $\\varphi' = 1$. Inputs move the units away "
    "from there: what has the gain to make up for?",
    (),
    _gain,
)
LAG = Exercise(
    "lag",
    "The lag at which the signal is gone",
    "Under the setting as it is, at which lag does the error signal first fall below 1 % of its size at "
    "lag 0? Predict it before you look: the row *product so far* tells. Right is within 10 % of the lag, or within one.",
    "If each step back multiplies the signal by $r$, after $k$ steps it is $r^k$. For which $k$ is "
    "that 0.01?",
    (),
    _lag,
)
ACTIVATION = Exercise(
    "activation",
    "An activation that makes it explode",
    "Take the setting as a plain RNN (cell *rnn*), in numbers of double precision, everything else as the sliders say. With which "
    "activation does the gradient explode, so that the signal grows past 100 times its size at lag 0?",
    "Each step back multiplies by $W_R$ and by $\\varphi'(z)$. Which activations keep $\\varphi'$ "
    "near 1, or above, however large $z$ is?",
    tuple(ACTIVATIONS),
    _activation,
)
TRUNCATION = Exercise(
    "truncation",
    "Where to truncate",
    "Under the setting as it is, truncated BPTT with a window of $K$ steps keeps the lags $0$ to $K-1$ "
    "of the gradient. What is the shortest sliding window from which on at most 5 % is missed, "
    "$\\lVert \\sum_{k \\ge K} G_k \\rVert \\le 0.05 \\, \\lVert dW_R \\rVert$?",
    "Look where the bars of $\\lVert G_k \\rVert$ become small beside the whole gradient. Lags can "
    "cancel: the sum decides, not the single bars.",
    (),
    _truncation,
)
EXERCISES = (GAIN, LAG, ACTIVATION, TRUNCATION)
