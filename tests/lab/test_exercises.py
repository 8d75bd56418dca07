"""Right answers found another way are accepted, their neighbours are not; every answer gets a sentence."""

import re
from dataclasses import replace

import numpy as np
import pytest

import bptt
from bptt.cells.activations import ACTIVATIONS
from bptt.configuration import Configuration
from bptt.diagnosis import diagnose_network
from bptt.dynamics import critical_gain
from bptt.lab.exercises import ACTIVATION, EXERCISES, GAIN, LAG, TRUNCATION, decisive

DRIVEN = Configuration(init="gaussian", gain=1.2, input_variance=0.1)
NAMES = [exercise.key for exercise in EXERCISES]

SETTINGS = {
    "rnn": Configuration(gain=0.8, input_variance=0.1),
    "rnn, loss at every step": Configuration(
        gain=0.9, input_variance=0.3, loss_at="every", length=60
    ),
    "relu": Configuration(activation="relu", gain=1.2, input_variance=0.1, hidden=32),
    "lstm": Configuration(cell="lstm", input_variance=0.1, bias=0.5, hidden=24),
    "gru": Configuration(cell="gru", input_variance=0.1, bias=1.0, hidden=24, loss_at="every"),
    "two layers": Configuration(gain=0.9, layers=2, input_variance=0.2, hidden=32),
    "adding": Configuration(gain=0.7, data="adding", length=60, hidden=32),
}


@pytest.fixture(params=SETTINGS, name="setting")
def some_setting(request):
    return SETTINGS[request.param]


def page(setting):
    """What the page's diagnosis says, and the profile of the layer it is about."""
    made = setting.build()
    found = diagnose_network(made.network, made.batch, made.needed_lag)
    return found.decisive


# (a) the gain


def exponent(setting, gain):
    """λ₁ by textbook loops: one random error carried back through each sequence of each of four networks.

    Like ``bptt.lyapunov`` it leaves out the first tenth of the steps back, in which the error turns.
    """
    rng, found = np.random.default_rng(7), []
    for seed in range(setting.seed, setting.seed + 4):
        made = replace(
            setting, cell="rnn", activation="tanh", layers=1, gain=gain, seed=seed, length=100,
            batch=4, data="noise", loss_at=None, dtype="float64",
        ).build()  # fmt: skip
        layer, x = made.network.layer, made.batch["x"]
        before_tanh, h = [], np.zeros((4, layer.hidden))
        for x_t in x:
            z = x_t @ layer.W_F.T + h @ layer.W_R.T + layer.b
            h = np.tanh(z)
            before_tanh.append(z)
        error = rng.normal(size=h.shape)
        for back, z in enumerate(reversed(before_tanh)):
            before = np.linalg.norm(error, axis=1, keepdims=True)
            error = (error / before / np.cosh(z) ** 2) @ layer.W_R
            if back >= 10:
                found.append(np.log(np.linalg.norm(error, axis=1)).mean())
    return float(np.mean(found))


def bisected(setting, wanted):
    low, high = 0.3, 8.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if exponent(setting, middle) < wanted else (low, middle)
    return (low + high) / 2


@pytest.mark.parametrize(
    "setting",
    [
        DRIVEN,
        Configuration(init="orthogonal", input_variance=1.0, hidden=32, seed=3),
        Configuration(cell="gru", init="pytorch", input_variance=0.5, hidden=32, layers=2),
    ],
)
def test_the_gain_that_bisection_finds_is_right(setting):
    gain = bisected(setting, 0.0)
    answer = GAIN.check(gain, setting)
    assert answer.right
    assert re.search(r"[+-]0\.0(0\d|10) per step", answer.sentence)
    below, above = bisected(setting, -0.03), bisected(setting, 0.03)
    assert below < gain < above
    low, high = GAIN.check(below, setting), GAIN.check(above, setting)
    assert not low.right
    assert low.sentence.endswith("Try a larger gain.")
    assert not high.right
    assert high.sentence.endswith("Try a smaller gain.")
    assert GAIN.check(bisected(setting, -0.01), setting).right
    assert GAIN.check(bisected(setting, 0.01), setting).right


@pytest.mark.parametrize("variance", [0.0, 0.1, 1.0])
def test_the_gain_is_the_one_of_mean_field(variance):
    """Orthogonal weights of 128 units are near enough to mean field; gain 1 is right without inputs only."""
    setting = Configuration(input_variance=variance, hidden=128, gain=0.3)
    assert GAIN.check(critical_gain(variance), setting).right
    assert GAIN.check("1", setting).right == (variance == 0)


def test_no_gain_keeps_the_signal_of_two_units():
    setting = Configuration(hidden=2, input_variance=1.0)
    for gain in (0.5, 1.0, 3.0, 20.0):
        answer = GAIN.check(gain, setting)
        assert not answer.right
        assert "there is no answer" in answer.sentence
        assert "weaker inputs" in answer.sentence


def test_far_beyond_the_answer_a_few_units_are_saturated():
    """λ₁ is below 0 on both sides of the gains that are right: the way is told all the same."""
    setting = Configuration(init="gaussian", hidden=16, input_variance=0.05, seed=1)
    gains = np.geomspace(0.5, 60, 25)
    found = np.array([exponent(setting, gain) for gain in gains])
    right = np.flatnonzero(np.abs(found) < 0.01)
    beyond = np.flatnonzero(found < -0.04)
    assert beyond[-1] > right[-1] > beyond[0]
    assert GAIN.check(gains[beyond[0]], setting).sentence.endswith("larger gain.")
    assert GAIN.check(gains[beyond[-1]], setting).sentence.endswith("smaller gain.")


def test_the_identity_is_replaced_as_the_question_says():
    one, other = (
        Configuration(init="identity", input_variance=0.1),
        Configuration(input_variance=0.1),
    )
    assert GAIN.check(1.4, one) == GAIN.check(1.4, other)


# (b) the lag


def first_below(profile):
    signal = profile.signal
    for k in range(len(signal)):
        if signal[k] < 0.01 * signal[0]:
            return k
    return None


def test_the_lag_that_a_scan_finds_is_right(setting):
    made, layer = setting.build(), page(setting)
    run = made.network.run(**made.batch)
    profiles = bptt.by_lag(run.stack_trace, run.dh)
    found = first_below(profiles[made.network.stack.names.index(layer.name)])
    assert found is not None
    assert found > 2
    slack = max(1, int(0.1 * found))
    for lag in (found, found - slack, found + slack, str(found), float(found)):
        assert LAG.check(lag, setting).right
    early, late = LAG.check(found - slack - 1, setting), LAG.check(found + slack + 1, setting)
    assert not early.right
    assert "larger lag" in early.sentence
    assert str(found) not in early.sentence
    assert not late.right
    assert "before" in late.sentence


def test_a_signal_that_stays_has_no_lag():
    for setting in (DRIVEN, Configuration(cell="lstm", bias=4.0, input_variance=0.1)):
        assert first_below(page(setting).profile) is None
        answer = LAG.check(50, setting)
        assert not answer.right
        assert "there is no answer" in answer.sentence
        assert ("bias" in answer.sentence) == (setting.cell == "lstm")


# (c) the activation


@pytest.mark.parametrize("gain", [0.5, 1.2, 2.0])
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_an_activation_is_judged_as_the_diagnosis_judges_it(gain, cell):
    setting = replace(DRIVEN, gain=gain, cell=cell, layers=1 + (gain == 2.0), hidden=32)
    verdicts = {
        name: page(replace(setting, cell="rnn", activation=name, dtype="float64")).verdict
        for name in ACTIVATIONS
    }
    explodes = "exploding" in verdicts.values()
    assert explodes == (gain > 1)
    for name, verdict in verdicts.items():
        answer = ACTIVATION.check(name, setting)
        assert answer.right == (verdict == "exploding")
        assert f"the verdict is {verdict}" in answer.sentence
        assert ("raise the gain" in answer.sentence) == (not explodes)


def test_states_beyond_float32_are_judged_all_the_same():
    setting = replace(DRIVEN, gain=4.0)
    with pytest.raises(bptt.errors.BpttError):
        page(replace(setting, activation="identity"))
    assert ACTIVATION.check("identity", setting).right


def test_the_choices_are_the_activations_there_are():
    assert ACTIVATION.choices == tuple(ACTIVATIONS)
    assert not GAIN.choices


# (d) the truncation


def test_the_window_that_a_scan_finds_is_right(setting):
    made, layer = setting.build(), page(setting)
    run = made.network.run(**made.batch)
    profile = bptt.by_lag(run.stack_trace, run.dh, keep_matrices=True)[
        made.network.stack.names.index(layer.name)
    ]
    whole = np.linalg.norm(profile.dW_R)
    kept = np.cumsum(profile.matrices, axis=0)  # [K-1] keeps lags 0 .. K-1
    bias = np.linalg.norm(kept - profile.dW_R, axis=(1, 2)) / whole
    shortest = next(K for K in range(1, len(bias) + 1) if (bias[K - 1 :] <= 0.05).all())
    assert 1 < shortest < len(bias) - 1
    right = TRUNCATION.check(shortest, setting)
    assert right.right
    short, long = TRUNCATION.check(shortest - 1, setting), TRUNCATION.check(shortest + 1, setting)
    assert not short.right
    assert short.sentence.endswith("Take a longer one.")
    assert not long.right
    assert "shorter" in long.sentence
    assert str(shortest) not in re.sub(r"window of \d+|[\d.]+ %", "", short.sentence)
    said = float(re.search(r"misses (\S+) %", short.sentence)[1])
    assert said == pytest.approx(100 * bias[shortest - 2], rel=0.06)


def test_a_gradient_from_the_far_past_has_no_window():
    setting = Configuration(gain=1.5, input_variance=0.02, activation="identity", length=40)
    for K in (5, 20, 39, 40):
        answer = TRUNCATION.check(K, setting)
        assert not answer.right
        assert "there is no answer" in answer.sentence
        assert "Lower the gain" in answer.sentence


def test_a_window_that_is_good_by_chance_is_not_enough():
    """Lags cancel: a shorter window can come under 5 % before a longer one is above it again."""
    for seed in range(60):
        setting = Configuration(
            seed=seed, gain=1.0, hidden=3, batch=1, input_variance=0.2, length=60
        )
        profile = page(setting).profile
        bias = [profile.truncation(K).relative_bias for K in range(1, 60)]
        above = [K for K in range(1, 60) if bias[K - 1] > 0.05]
        early = [K for K in range(1, max(above)) if bias[K - 1] <= 0.05]
        if early and max(above) < 57:
            answer = TRUNCATION.check(early[0], setting)
            assert not answer.right
            assert "again" in answer.sentence
            return
    pytest.fail("no such network among them")


# all of them


def test_the_layer_is_the_one_of_the_diagnosis(setting):
    verdict, profile, steps = decisive(setting)
    layer = page(setting)
    assert verdict == layer.verdict
    assert steps == setting.length
    np.testing.assert_array_equal(profile.log10_norm, layer.profile.log10_norm)


@pytest.mark.parametrize("exercise", EXERCISES, ids=NAMES)
@pytest.mark.parametrize(
    "answer",
    [None, "", "many", "nan", "1e400", float("inf"), 0, -3, 1e40, True, [1], 2 + 1j, "1,5"],
)
def test_bad_answers_get_a_sentence(exercise, answer):
    found = exercise.check(answer, DRIVEN)
    assert not found.right
    assert found.sentence.startswith("The answer is ")


@pytest.mark.parametrize("exercise", [LAG, TRUNCATION], ids=["lag", "truncation"])
@pytest.mark.parametrize("answer", [2.5, 101, "3.7"])
def test_numbers_of_steps_are_whole_and_within_the_sequence(exercise, answer):
    assert exercise.check(answer, DRIVEN).sentence.startswith("The answer is ")


@pytest.mark.parametrize("exercise", EXERCISES, ids=NAMES)
def test_a_setting_that_cannot_be_made_gets_a_sentence(exercise):
    answer = {"activation": "relu"}.get(exercise.key, 2)
    found = exercise.check(answer, replace(DRIVEN, hidden=0))
    assert not found.right
    assert found.sentence.startswith("This network cannot be measured.")
    assert "hidden" in found.sentence


@pytest.mark.parametrize("gain", [1e-6, 1e-45, 1000])
def test_gains_far_off_are_measured(gain):
    answer = GAIN.check(gain, DRIVEN)
    assert not answer.right
    assert answer.sentence.endswith("smaller gain." if gain > 1 else "larger gain.")


@pytest.mark.parametrize("exercise", EXERCISES, ids=NAMES)
def test_what_stands_on_the_page(exercise):
    assert exercise.title
    assert exercise.question.count("$") % 2 == 0
    assert exercise.hint.count("$") % 2 == 0
    assert exercise.question.endswith("?") or exercise.key in ("gain", "lag")
