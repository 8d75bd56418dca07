"""A short run of the fuzzer; its oracle against autograd; and that it finds what is wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest

import bptt
from tests.conftest import golden, golden_names, relative

if np.finfo(np.longdouble).maxexp < 16000:
    pytest.skip("its oracle needs a long double of 80 bits", allow_module_level=True)

from fuzz.draw import draw
from fuzz.oracle import backward
from fuzz.parts import parts_of
from fuzz.running import Run, keep, kept, one, together

from fuzz import compare, memory, prognosis, spectrum, tables

# Networks of which something was once wrong: scales far apart, slopes that underflow, saturated gates, cosines of next to
# nothing, the pass with scales behind a largest lag, pre-activations that overflow.
FOUND = [23, 34, 43, 72, 126, 160, 161, 192, 260, 309, 318, 563, 596, 633, 693, 864, 921, 1046, 1692, 2199, 2262, 2800,
         3139, 4033, 4039, 4941, 5365, 5374, 5467, 5790, 5948, 5954]  # fmt: skip


@pytest.mark.parametrize(
    "name", sorted(set(golden_names("rnn") + golden_names("lstm") + golden_names("gru")))
)
def test_the_oracle_is_autograds(name):
    """One copy of W_R per step and one backward pass per loss step, by PyTorch: stored beside the tests."""
    case, arrays = golden(name)
    layers = []
    for number in range(case["layers"]):
        p = {n.split(".")[1]: a for n, a in arrays.items() if n.startswith(f"layer{number}.")}
        kind = {"rnn": bptt.RNN, "lstm": bptt.LSTM, "gru": bptt.GRU}[case["cell"]]
        more = [p["b_Rn"]] if "b_Rn" in p else []
        layers.append(kind(p["W_F"], p["W_R"], p["b"], *more, **(
            {"activation": case["activation"]} if case["cell"] == "rnn" else {}
        )))  # fmt: skip
    start = {n: list(arrays[n]) for n in ("h0", "c0") if n in arrays}
    trace = bptt.Stack(layers).forward(arrays["x"], **start)
    _, levels = parts_of(trace, arrays["dh"])
    T = len(arrays["x"])
    for (answer,), exact in zip(
        backward(levels, trace.masks, T), arrays["dW_R_by_lag"], strict=True
    ):
        assert relative(answer.G.astype(float), exact) < 1e-12
        assert (np.abs(answer.G) <= answer.G_majorant * (1 + 1e-15)).all()


def test_a_short_run():
    run, lines = Run(seed=1), []
    for _ in range(80):
        lines += run.next()
    assert not lines
    assert run.tried == 80
    assert run.numbers["G_k"] > 500
    assert set(run.kinds) >= {
        "rnn",
        "lstm",
        "gru",
        "float32",
        "float64",
        "both directions",
        "resets",
    }


# Entries of an error far below the largest of its row, a small one that is all that is left later, a gain near the critical
# one, slopes below the type: of the exponents too; errors that lose digits on their way, logarithms that take the last ones;
# a small entry that alone meets a slope, errors that cancel between two levels; slopes of softsign below the type, a mask that makes
# states overflow, directions that point where the loss asks for nothing, lags beyond the range of 80 bits.
LATER = [(3, 1570), (3, 3387), (4, 2678), (4, 3147), (5, 6499), (5, 8703), (5, 11226), (5, 12295), (5, 16940), (5, 17105), (6, 10475), (6, 13529), (6, 26852),
         (6, 47638), (6, 86632), (7, 2154), (7, 7195), (7, 56937), (8, 13903), (8, 63793), (9, 19908), (11, 39691), (11, 90229), (12, 10461),
         (12, 64975), (12, 81932), (12, 84686)]  # fmt: skip


@pytest.mark.parametrize(("seed", "number"), [*((0, number) for number in FOUND), *LATER])
def test_what_it_once_found(seed, number):
    words, found = one(seed, number)
    assert not found.wrong, words


@pytest.mark.parametrize(("seed", "number"), [(5, 1896), (5, 4024), (13, 51563)])
def test_what_no_type_holds_beside_the_rest_is_refused(seed, number):
    """A layer's gradient comes from entries 40, 360 and 2e11 decades below others of their rows, whose units are off."""
    words, found = one(seed, number)
    assert found.beyond, words
    assert not found.wrong
    assert "lie further apart than the type reaches" in found.refused


def test_two_halves_of_a_run_are_the_run(tmp_path):
    whole, halves = Run(1), [Run(1), Run(1, first=2)]
    for run, count in ((whole, 4), (halves[0], 2), (halves[1], 2)):
        for _ in range(count):
            run.next()
    keep(halves[0], tmp_path / "half.json")
    both = together([kept(tmp_path / "half.json"), halves[1]])
    assert both.tried == 4
    assert (both.numbers, both.worst, both.kinds) == (whole.numbers, whole.worst, whole.kinds)


def off_by_a_billionth(profile):
    return replace(profile, matrices=profile.matrices * (1 + 1e-9))


def a_lag_is_missing(profile):
    return replace(profile, log10_norm=np.append(profile.log10_norm[:-2], [-np.inf, -np.inf]))


def a_signal_is_off(profile):
    return replace(profile, log10_signal=profile.log10_signal + 1e-9)


@pytest.mark.parametrize("spoil", [off_by_a_billionth, a_lag_is_missing, a_signal_is_off])
def test_what_is_wrong_is_found(monkeypatch, spoil):
    by_lag = bptt.by_lag
    words, found = one(0, 43)
    assert "float64" in words
    assert not found.wrong
    monkeypatch.setattr(
        bptt, "by_lag", lambda *a, **k: [spoil(profile) for profile in by_lag(*a, **k)]
    )
    assert one(0, 43)[1].wrong


def of_a_spectrum(found):
    drawn = draw(11, 98)
    trace = drawn.stack.forward(**drawn.forward)
    parts, _ = parts_of(trace, drawn.dh)
    spectrum.spectrum(found, trace.traces[0], parts[0])


def first_off(told, *names):
    return replace(told, **{name: getattr(told, name) * (1 + 1e-7) for name in names})


def of_agreement(told):
    return replace(told, agreement=replace(told.agreement, coherence=told.agreement.coherence + 1e-3))  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "run", "spoil"),
    [
        (bptt, "lyapunov", of_a_spectrum, lambda told: first_off(told, "exponents")),
        (bptt, "lyapunov", of_a_spectrum, lambda told: first_off(told, "stderr")),
        (memory, "memory_function", memory.memory, lambda told: first_off(told, "per_input")),
        (memory, "memory_function", memory.memory, lambda told: first_off(told, "correlation")),
        (prognosis, "measure_batch", prognosis.prognosis, lambda told: first_off(told, "log10_attenuation")),
        (prognosis, "measure_batch", prognosis.prognosis, of_agreement),
        (prognosis, "measure_batch", prognosis.prognosis, lambda told: replace(told, form=told.form + 1e-2)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_of_the_others(monkeypatch, module, name, run, spoil):
    """Each by an oracle of its own, which finds nothing as it is."""
    right, wrong, given = compare.Found(), compare.Found(), [np.random.default_rng(SEEDS.get(run))]
    run(right, *given[: run in SEEDS])
    assert right.numbers
    assert not right.wrong
    own = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *a, **k: spoil(own(*a, **k)))
    given = [np.random.default_rng(SEEDS.get(run))]
    run(wrong, *given[: run in SEEDS])
    assert wrong.wrong


SEEDS = {memory.memory: [5, 8], prognosis.prognosis: [5, 80]}  # which have everything


def test_an_error_that_nobody_meant_is_wrong(monkeypatch):
    def broken(*arguments, **options):
        raise ZeroDivisionError("nobody meant this")

    monkeypatch.setattr(bptt, "by_lag", broken)
    assert "ZeroDivisionError: nobody meant this" in one(0, 43)[1].wrong[-1]


def test_the_page_shows_the_stored_run():
    result = json.loads(tables.RESULTS.read_text())
    text = tables.PAGE.read_text()
    for number in result["wrong"]:
        assert f"network {number}" in text, "the page says what is wrong"
    assert tables.page(result, text) == text, "python -m fuzz.tables writes it anew"
    for name, count in result["numbers"].items():
        assert f"| {tables.NAMES[name]} | {count:,} |" in text
