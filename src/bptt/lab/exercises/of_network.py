"""Exercises on a whole network: what is right is measured on the network that the exercise names."""

from dataclasses import replace
from typing import Any

import numpy as np

from bptt.cells.activations import ACTIVATIONS
from bptt.configuration import Configuration
from bptt.lab.exercises.base import Checked, Exercise, number, whole
from bptt.lab.measured import measured
from bptt.presentation.formatting import percent, power_of_ten

STEADY = 0.02  # |λ₁| per step that counts as neither: over 50 steps a factor of e
LARGEST_GAIN = 3.0
LOG10_GONE = -2.0
CLOSE = 0.1  # of the lag that is right
MISSED = 0.05
FAR = 150  # the lag that the last exercise asks for
LEFT = (0.1, 0.6)  # of the error by the carry: about 1/e

WEAK = Configuration(gain=0.9, input_variance=0.1)
STRONG = Configuration(gain=1.6, input_variance=0.5)
EDGE = Configuration(gain=1.0, input_variance=0.5)
GATED = Configuration(cell="lstm", input_variance=0.5, length=300)


def _lag(answer: Any) -> Checked:
    growth = measured(WEAK).layer.profile.log10_growth
    lag, T = whole(answer), len(growth)
    if lag is None or not 0 < lag < T:
        return Checked(False, f"The answer is a lag: a whole number from 1 to {T - 1}.")
    first = int(np.flatnonzero(growth < LOG10_GONE)[0])
    said = f"At lag {lag} the signal is {power_of_ten(float(growth[lag]))} of what it is at lag 0"
    if abs(lag - first) <= max(1.0, CLOSE * first):
        return Checked(True, f"Right. {said}; it first falls below 0.01 at lag {first}.")
    way = "It falls below 0.01 at a larger lag." if lag < first else "It fell below 0.01 before."
    return Checked(False, f"{said}. {way}")


def _activation(answer: Any) -> Checked:
    if not isinstance(answer, str) or answer not in ACTIVATIONS:
        return Checked(False, f"The answer is one of {', '.join(ACTIVATIONS)}.")
    layer = measured(replace(STRONG, activation=answer)).layer
    growth = layer.profile.log10_growth
    lag = int(growth.argmax())
    largest = (
        f"the signal grows to {power_of_ten(float(growth[lag]))} times its size at lag 0, at lag {lag}"
        if growth[lag] > 0.01
        else "the signal is nowhere larger than at lag 0"
    )
    said = f"With {answer} the verdict is {layer.verdict}: {largest}"
    if layer.verdict == "exploding":
        return Checked(True, f"Right. {said}. Its slopes φ′ do not take away what W_R adds.")
    return Checked(False, f"{said}. Look for one whose slopes stay larger where these units work.")


def _gain(answer: Any) -> Checked:
    gain = number(answer)
    if gain is None or not 0 < gain <= LARGEST_GAIN:
        return Checked(False, f"The answer is a gain: a number above 0, up to {LARGEST_GAIN:g}.")
    exponents = measured(replace(EDGE, gain=gain)).exponents
    assert exponents is not None  # of a hundred steps
    rate = float(exponents.exponents[0])
    said = f"At gain {gain:g} the largest Lyapunov exponent is {rate:+.3f} per step"
    if abs(rate) <= STEADY:
        return Checked(True, f"Right. {said}: there W_R makes up for what the slopes φ′ take away.")
    over_ten = power_of_ten(10 * rate / np.log(10))
    way = "smaller" if rate > 0 else "larger"
    return Checked(
        False,
        f"{said}: in 10 steps the signal becomes {over_ten} times as large. Try a {way} gain.",
    )


def _truncation(answer: Any) -> Checked:
    profile = measured(WEAK).layer.profile
    K, T = whole(answer), len(profile.log10_norm)
    if K is None or not 0 < K <= T:
        return Checked(False, f"The answer is a number of steps: a whole number from 1 to {T}.")
    said = f"A window of {K} misses {percent(profile.truncation(K).relative_bias)} of the gradient of W_R"
    shortest = profile.shortest_truncation(MISSED)
    assert shortest is not None  # the signal of this network is gone long before
    if abs(K - shortest) <= 1:
        return Checked(True, f"Right. {said}; the shortest that misses at most 5 % is {shortest}.")
    way = "A shorter window would do." if K > shortest else "Take a longer one."
    return Checked(False, f"{said}. {way}")


def _bias(answer: Any) -> Checked:
    bias = number(answer)
    if bias is None or not -2 <= bias <= 8:
        return Checked(False, "The answer is a bias: a number from -2 to 8.")
    carry = measured(replace(GATED, bias=bias)).layer.profile.carry_gain
    assert carry is not None  # of an LSTM
    left = float(np.exp(carry[:FAR].sum()))
    said = f"With b_f = {bias:g} the carry leaves {percent(left)} of the error at lag {FAR}"
    if LEFT[0] <= left <= LEFT[1]:
        return Checked(True, f"Right. {said}; 1/e would be 37 %, and the inputs move the gate a little.")  # fmt: skip
    if left < LEFT[0]:
        return Checked(False, f"{said}: too little. Open the gate further.")
    return Checked(False, f"{said}: nearly all. That keeps more than is asked for.")


LAG = Exercise(
    "lag", "factors", "The lag at which the signal is gone",
    "A plain *rnn* of 64 units, gain 0.9, input strength 0.1, *tanh*, 100 steps. At which lag does the error signal first fall "
    "below 1 % of its size at lag 0? Predict it, then look at the row *product so far*. An answer within 10 %, or within one lag, is right.",
    WEAK, _lag,
    "If each step back multiplies the signal by r, after k steps it is r to the power of k. The colours of the row "
    "together say what r is: a little below 0.8. Under the pointer every column says its factor and the product so far.",
    "Each step back multiplies the signal by about 0.77, and ln 0.01 / ln 0.77 is about 18. The row product so far passes 0.01 there.",
)  # fmt: skip
ACTIVATION = Exercise(
    "activation", "activation", "An activation that makes it explode",
    "The same *rnn* with gain 1.6 and input strength 0.5. With which activation does the gradient explode, so that the signal "
    "grows past 100 times its size at lag 0?",
    STRONG, _activation,
    "Each step back multiplies by W_R, here by 1.6, and by φ′. Which activations keep φ′ near 1, or above, however large z is?",
    "identity has φ′ = 1 everywhere: nothing takes away the factor 1.6. relu, leaky_relu and scaled_tanh explode as well, tanh does not.",
    tuple(ACTIVATIONS),
)  # fmt: skip
GAIN = Exercise(
    "gain", "exponents", "A gain that keeps the signal",
    "An *rnn* of 64 *tanh* units with an *orthogonal* initial $W_R$, input strength 0.5 and 100 steps. At which gain does the error signal "
    f"neither vanish nor explode, so that $|\\lambda_1| \\le {STEADY}$ per step?",
    EDGE, _gain,
    "The slopes shrink the error, so W_R must enlarge it. Move the gain, at the first chart or at the side, and watch the largest "
    "exponent here: it must reach 0.",
    "At gain 1 the exponent is about -0.36: the slopes take away a factor of 0.7 per step. Larger gains push the units further from "
    "0, so that more than 1/0.7 is needed: about 1.7.",
)  # fmt: skip
TRUNCATION = Exercise(
    "truncation", "truncation", "Where to truncate",
    "The *rnn* with gain 0.9 and input strength 0.1 again. Which is the shortest sliding window $K$ that misses at most 5 % of the "
    "gradient of $W_R$? An answer within one step is right.",
    WEAK, _truncation,
    "Look where the line of the sliding window meets the dotted line of 5 %. A point says its K under the pointer.",
    "The line of the sliding window meets 5 % at K = 12.",
)  # fmt: skip
BIAS = Exercise(
    "bias", "helped", "A gate for lag 150",
    "An *lstm* of 64 units, input strength 0.5, 300 steps. Choose $b_f$ so that about $1/e$ of the error is left by the carry at lag "
    "150; anything between 10 % and 60 % is right.",
    GATED, _bias,
    "The text above says which bias leaves about 1/e at lag k; here k is 150, and ln is the natural logarithm.",
    "b_f = ln(150 - 1) = 5.0. The forget gate is then about 0.993, and 0.993 to the power of 150 is about 1/e.",
)  # fmt: skip
