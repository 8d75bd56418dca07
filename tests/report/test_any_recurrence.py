"""The report of a recurrence that is known by its step alone: the same page, with what is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from bptt.diagnosis import Diagnosis, StateDiagnosis, diagnose_state
from bptt.errors import ResidualError
from bptt.gradients.by_lag import StateProfile, StateTally
from bptt.report import Report
from bptt.torch_models import by_lag

T, B, H = 60, 3, 6


def leaky(params, x, h):
    return params["keep"] * h + 0.2 * torch.tanh(x @ params["W_F"].T + h @ params["W_R"].T)


@pytest.fixture(scope="module")
def lags():
    generator = torch.Generator().manual_seed(0)

    def some(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    params = {"W_F": some(H, 2), "W_R": 0.3 * some(H, H), "keep": torch.full((H,), 0.7).double()}
    d = torch.zeros(T, B, H).double()
    d[-1] = some(B, H)
    return by_lag(leaky, params, some(T, B, 2), torch.zeros(B, H).double(), d, keep_matrices=True)


def tallied(lags, counted=None) -> StateTally:
    tally = StateTally(lags.grads, counted)
    for k in range(T):
        tally.add(k, {name: G[k] for name, G in lags.matrices.items()})
    return tally


def profile_of(lags, counted=None) -> StateProfile:
    log = np.log10(lags.signal)
    return tallied(lags, counted).profile(log10_signal=log, gain=np.diff(log) * np.log(10.0))


@pytest.fixture(scope="module")
def layer(lags) -> StateDiagnosis:
    return diagnose_state("core", "Leaky", profile_of(lags), 30, facts={"mean decay a": 0.7})


@pytest.fixture(scope="module")
def report(layer) -> Report:
    return Report(Diagnosis({"core": layer}, 0.25, ("Assumed.",)), title="Leaky")


def test_a_tally_has_the_norms_and_shares_of_every_parameter(lags):
    profile = profile_of(lags)
    for name, parameter in profile.parameters.items():
        np.testing.assert_allclose(parameter.norm, lags.norm[name], rtol=1e-12)
        np.testing.assert_allclose(parameter.share, lags.share[name], rtol=1e-9, atol=1e-12)
        assert parameter.horizon() == lags.horizon(name)
        assert parameter.residual < 1e-13
    together = np.sqrt(sum(norm**2 for norm in lags.norm.values()))
    np.testing.assert_allclose(profile.norm, together, rtol=1e-12)


def test_a_tally_that_lets_go_of_every_lag_has_the_same_profile(lags):
    tally, log = StateTally(lags.grads, ["W_R"]), np.log10(lags.signal)
    for k in range(T):
        tally.add(k, {name: G[k] for name, G in lags.matrices.items()})
        if k != T - 1:  # the last is left as it is
            tally.finish()
    tally.check(1e-16)
    finished, kept = tally.profile(log10_signal=log, gain=np.diff(log)), profile_of(lags, ["W_R"])
    np.testing.assert_array_equal(finished.log10_norm, kept.log10_norm)
    np.testing.assert_array_equal(finished.kept, kept.kept)
    for name, own in finished.parameters.items():
        np.testing.assert_array_equal(own.share, kept.parameters[name].share)
    assert np.abs(tally.remaining("W_F")).max() < 1e-12


def test_what_is_counted_can_be_one_map(lags):
    profile = profile_of(lags, ["W_R"])
    np.testing.assert_allclose(profile.norm, lags.norm["W_R"], rtol=1e-12)
    assert profile.of == "W_R"
    K = 20
    kept, whole = lags.matrices["W_R"][:K].sum(0), lags.grads["W_R"]
    cut = profile.truncation(K)
    assert cut.relative_bias == pytest.approx(
        np.linalg.norm(kept - whole) / np.linalg.norm(whole), rel=1e-9
    )


def test_a_profile_is_shown_in_a_line(lags):
    assert repr(profile_of(lags)).startswith("StateProfile(lags=60, horizon=")
    assert len(repr(profile_of(lags))) < 100


def test_parts_may_come_in_any_order_and_at_any_scale(lags):
    shuffled = StateTally(lags.grads)
    for k in np.random.default_rng(0).permutation(T):
        for name, G in lags.matrices.items():
            shuffled.add(int(k), {name: np.ldexp(G[k] / 2, 600)}, -600)
            shuffled.add(int(k), {name: G[k] / 2})
    log = np.log10(lags.signal)
    one, other = profile_of(lags), shuffled.profile(log10_signal=log, gain=np.diff(log))
    np.testing.assert_allclose(one.log10_norm, other.log10_norm, rtol=0, atol=1e-12)


def test_lags_that_do_not_add_up_are_refused(lags):
    tally = tallied(lags)
    tally.check(np.finfo(float).eps)
    tally.add(3, {"W_R": 1e-6 * lags.grads["W_R"]})
    with pytest.raises(ResidualError, match="W_R"):
        tally.check(np.finfo(float).eps)


def test_the_verdict_and_its_advice_need_no_weights(layer):
    assert (layer.verdict, layer.cause.name) == ("vanishing", "step")
    per_step = 10 ** (layer.log10_attenuation / 30)
    assert layer.cause.number == pytest.approx(per_step)
    assert layer.advice[0].number == pytest.approx(0.1 ** (1 / 30))
    assert f"{per_step:.3g}" in layer.advice[0].sentence


def test_with_a_map_the_cause_may_be_its_weights(lags):
    profile = profile_of(lags, ["W_R"])
    by_weights = replace(profile, weight_gain=0.9 * profile.gain, rest_gain=0.1 * profile.gain)
    layer = diagnose_state("core", "Leaky", by_weights, 30)
    assert layer.cause.name == "weights"
    assert "W_R multiplies what passes through it" in layer.cause.sentence
    assert list(by_weights.factors) == ["W_R", "rest of the step", "together"]


def test_every_form_shows_it(report, layer, tmp_path):
    document = json.loads(report.save(tmp_path / "report.json").read_text())
    written = document["stages"]["measured"]["layers"]["core"]
    assert written["facts"] == {"mean decay a": 0.7}
    assert set(written["profile"]["parameters"]) == {"W_F", "W_R", "keep"}
    page = report.html()
    assert "core" in page
    assert "Gradient by lag, parameter by parameter" in page
    assert "mean decay a" in page
    assert "W_R, the matrix" not in page
    text = str(report)
    assert "horizon of keep (lags)" in text
    assert "the step&#39;s parameters" in page or "the step's parameters" in page
    assert list(report.charts) == ["by_lag", "shares", "gains", "parameters", "truncation"]
    spec = report.charts.parameters.to_dict()
    assert "keep" in json.dumps(spec)
