"""The live page in Chromium: what it draws is what the library computes, and it asks nothing of the network."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("marimo")
pytest.importorskip("torch")

import torch
from safetensors.torch import save as safetensors

import bptt
import bptt.prognoses
from bptt.configuration import Configuration
from bptt.lab import cliff, learning, opening, sequences, upload
from tests.lab.driver import FIND

FIRST = opening.FIRST
UNSAID = {"target": "", "inputs": "", "sequence": "", "axes": sequences.TOLD}
OF_NETWORK = ("by_lag", "factors", "sequence", "activation", "plane", "exponents", "truncation")


def compare(lab, made):
    """Every picture of the network against the library's own numbers."""
    network, batch = made.network, made.batch
    run = network.run(**batch)
    report = bptt.diagnose(network, batch, needed_lag=made.needed_lag)
    layer = report.diagnosis.decisive
    number = list(report.layers).index(layer.name)
    profile = bptt.by_lag(run.stack_trace, run.dh)[number]
    trace = run.stack_trace.traces[number]

    lines = lab.rows("by_lag", "lines")
    drawn = [row["value"] for row in lines if "gradient" in row["of"]]
    log10 = profile.log10_norm - profile.log10_norm[0]
    np.testing.assert_allclose(drawn, log10[np.isfinite(log10)], atol=2e-4)
    marks = {row["lag"] for row in lab.rows("by_lag", "marks")}
    assert marks == {profile.horizon(), layer.needed_lag}

    H = trace.layer.hidden
    block = trace.layer.W_R.reshape(-1, H, H)[0 if layer.kind == "rnn" else 2].astype(float)
    for name, gains in profile.factors.items():
        if name != "together":  # the product so far of a row of the strip
            drawn = [row["value"] for row in lines if row["of"].startswith(f"{name},")]
            np.testing.assert_allclose(drawn[1:], np.cumsum(gains) / np.log(10), atol=2e-4)

    cells = [row["value"] for row in lab.rows("factors", "cells") if row["of"] == "together"]
    np.testing.assert_allclose(cells, profile.gain[np.isfinite(profile.gain)], atol=2e-4)
    steps = bptt.by_step(run.stack_trace, run.dh)[number].norm
    sizes = [row["size"] for row in lab.rows("sequence", "steps")]
    np.testing.assert_allclose(sizes, steps / steps.sum(), rtol=1e-3)
    assert sum(row["part"] for row in lab.rows("activation", "units")) == pytest.approx(1, abs=1e-3)
    eigenvalues = [row["size"] for row in lab.rows("plane", "eigenvalues")]
    np.testing.assert_allclose(
        sorted(eigenvalues), np.sort(abs(np.linalg.eigvals(block))), atol=2e-4
    )
    singular = [row["sigma"] for row in lab.rows("plane", "singular")]
    np.testing.assert_allclose(singular, np.linalg.svd(block, compute_uv=False), atol=2e-4)
    exponents = [row["value"] for row in lab.rows("exponents", "exponents")]
    np.testing.assert_allclose(exponents, layer.exponents.exponents, atol=2e-4)
    for row in lab.rows("truncation", "lines")[::7]:
        found = profile.truncation(row["K"], row["of"] == "chunks").relative_bias
        assert row["bias"] == pytest.approx(found, abs=2e-5)
    assert report.verdict.capitalize() in lab.text()


def test_every_control_moves_every_chart(lab):
    """One after the other, each left where it was moved."""
    setting = FIRST
    compare(lab, setting.build())
    for label, presses, change in (
        ("gain of", 50, {"gain": 1.3}),
        ("input strength", -8, {"input_variance": 0.1}),
        ("hidden units", -1, {"hidden": 32}),
        ("length", -4, {"length": 60}),
    ):
        lab.slide(label, presses, ("by_lag",))
        setting = replace(setting, **change)
        compare(lab, setting.build())
    for label, choice, change in (
        ("activation", "softsign", {"activation": "softsign"}),
        ("initial", "gaussian", {"init": "gaussian"}),
        ("loss at step", "every", {"loss_at": "every"}),
        ("cell", "lstm", {"cell": "lstm", "activation": "tanh"}),  # its own, whatever was chosen
        ("cell", "gru", {"cell": "gru"}),
        ("data", "adding", {"data": "adding", "loss_at": None}),
    ):
        lab.choose(label, choice, ("by_lag",))
        setting = replace(setting, **change)
        compare(lab, setting.build())


def test_the_scalar_terms_follow_their_sliders(lab):
    weight, inputs = 0.9, np.random.default_rng(0).standard_normal(20)
    for presses in (0, 10):
        if presses:
            lab.slide("weight", presses, ("terms",))
            weight = 1.4
        h, z = [0.0], []
        for x in inputs:  # the lecture's network, by hand
            z.append(x + weight * h[-1])
            h.append(np.tanh(z[-1]))
        slopes = [1 - np.tanh(v) ** 2 for v in z]
        expected = [h[-2], weight * slopes[-2] * h[-3], weight**2 * slopes[-2] * slopes[-3] * h[-4]]
        drawn = [row["product"] for row in lab.rows("terms", "terms")]
        np.testing.assert_allclose(drawn[:3], expected, rtol=1e-9)


def test_the_equations_grow_with_the_steps(lab):
    assert not lab.page.evaluate("formulas().includes('W_R^{5}')")
    lab.control("steps", "[role=slider]").focus()
    lab.page.keyboard.press("ArrowRight")
    lab.page.keyboard.press("ArrowRight")
    lab.page.wait_for_function("() => formulas().includes('W_R^{5}')")


def test_the_cliff_and_its_clipping(lab):
    found = lab.rows("cliff", "surface")
    w = np.array([row["w"] for row in found])
    x = np.full_like(w, cliff.START)
    for _ in range(cliff.STEPS):
        x = w / (1 + np.exp(-x)) + cliff.B
    E = (1 / (1 + np.exp(-x)) - cliff.TARGET) ** 2
    np.testing.assert_allclose([row["E"] for row in found], E, rtol=1e-6, atol=1e-9)
    lab.slide("clip the gradient", 5, ("cliff",))
    path = [row for row in lab.rows("cliff", "paths") if row["of"] == "descent, clipped"]
    steps = np.abs(np.diff([row["w"] for row in path]))
    assert steps.max() <= 0.6 * 0.10 + 1e-12
    assert steps.max() > 0.6 * 0.05


@pytest.fixture(scope="module")
def reset(lab):
    """The sliders back where they were."""
    lab.page.reload()
    lab.ready()
    return lab


def test_all_exercises_are_solved_with_what_the_page_shows(reset):
    """Each from its own starting point, from the numbers that are drawn there."""
    lab = reset
    lab.begin(0, "terms")
    second = lab.rows("terms", "terms")[1]
    assert "Hint" in lab.answer(0, second["power"])
    assert lab.answer(0, round(second["state"], 3)).startswith("Right")
    lab.page.wait_for_function("() => find('.said')[0].classList.contains('right')", timeout=5000)
    lab.begin(1, "terms")
    powers = [row["power"] for row in lab.rows("terms", "terms")[:-1]]
    assert lab.answer(1, next(k for k, power in enumerate(powers) if power < 0.01)).startswith("Right")  # fmt: skip
    lab.begin(2, "terms")
    along = lab.page.evaluate("live('terms').view.scale('x').domain()")
    assert along == [0, 1, 2, 3, 4, 5, "rest"]  # also after there were fewer
    last = lab.rows("terms", "terms")[-2]
    assert last["power"] > 1 > abs(last["state"]) > 0.9 > 1e-3 > last["slopes"]
    assert lab.answer(2, "the slopes φ′").startswith("Right")
    lab.begin(3, "factors")
    rates = [r["value"] for r in lab.rows("factors", "cells") if r["of"] == "together"]
    gone = int(np.flatnonzero(np.cumsum(rates) < np.log(0.01))[0]) + 1
    so_far = [r["so far"] for r in lab.rows("factors", "cells") if r["of"] == "together"]
    assert float(so_far[gone - 1]) < 0.01 < float(so_far[gone - 2])  # under the pointer
    assert lab.answer(3, gone).startswith("Right")
    for key, wrong in enumerate(("soon", 3 * gone, gone - 3)):
        assert ("Solution" in lab.answer(3, wrong)) == (key == 2)
    lab.begin(4, "activation")
    lab.choose("activation", "identity", ("by_lag",))
    assert lab.page.evaluate(CARD).startswith("Exploding")
    assert lab.answer(4, "identity").startswith("Right")
    assert "steady" in lab.answer(4, "tanh")
    lab.begin(5, "exponents")
    lab.slide("gain of", 70, ("exponents",))
    assert abs(lab.rows("exponents", "exponents")[0]["value"]) <= 0.02
    assert lab.answer(5, 1.7).startswith("Right")
    lab.begin(6, "truncation")
    window = [r for r in lab.rows("truncation", "lines") if r["of"] == "sliding window"]
    assert lab.answer(6, next(r["K"] for r in window if r["bias"] <= 0.05)).startswith("Right")
    lab.begin(7, "helped")
    assert "lstm, 64 units, 300 steps" in lab.page.evaluate(CARD)
    assert lab.answer(7, round(np.log(149), 1)).startswith("Right")
    assert "too little" in lab.answer(7, 2)
    lab.page.reload()  # the tests below begin where the page does
    lab.ready()


@pytest.fixture(scope="module")
def lstm():
    """A model as PyTorch saves it."""
    torch.manual_seed(0)
    return safetensors({f"encoder.{k}": v for k, v in torch.nn.LSTM(3, 20).state_dict().items()})


def test_a_saved_lstm_shows_its_profile(lab, reset, lstm):
    with lab.redrawn(*OF_NETWORK):
        lab.upload("mine.safetensors", lstm)
    made = upload.fitted(upload.opened("mine.safetensors", lstm), "noise", 100, 8, 0, "last")
    layer = torch.nn.LSTM(3, 20)
    layer.load_state_dict(
        {k: v for k, v in zip(layer.state_dict(), made_weights(lstm), strict=True)}
    )
    x = torch.from_numpy(made.batch["x"])
    np.testing.assert_allclose(
        made.network.run(**made.batch).trace.h[1:], layer(x)[0].detach(), atol=1e-6
    )
    compare(lab, made)
    assert "LSTM, 1 level, 3 inputs, 20 units" in lab.text()
    with lab.page.expect_download() as download:
        lab.page.get_by_role("link", name=re.compile("Download the report")).or_(
            lab.page.get_by_role("button", name=re.compile("Download the report"))
        ).first.click()
    page = download.value.path().read_text("utf-8")
    assert download.value.suggested_filename == "report.html"
    assert "mine.safetensors" in page
    assert "lstm.0" in page


def made_weights(content):
    """The tensors of the file in PyTorch's order."""
    from safetensors.torch import load

    found = load(content)
    return [found[f"encoder.{name}"] for name in torch.nn.LSTM(3, 20).state_dict()]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("broken.safetensors", b"\x10" + bytes(40), "broken.safetensors"),
        ("empty.safetensors", b"", "empty.safetensors"),
        ("pickle.safetensors", b"\x80\x04}.", "not opened"),
        (
            "linear.safetensors",
            safetensors(torch.nn.Linear(3, 2).state_dict()),
            "linear.safetensors",
        ),
    ],
)
def test_a_malformed_upload_shows_the_sentence(lab, reset, name, content, sentence):
    lab.upload(name, content)
    lab.page.wait_for_function(
        "words => find('.card')[0].textContent.includes(words)", arg=sentence
    )
    said = lab.page.evaluate("find('.card')[0].textContent")
    assert said.startswith("Not shown")
    assert "expected" in said
    assert "Traceback" not in lab.text()


def test_after_a_refusal_a_good_file_is_shown(lab, reset, lstm):
    lab.upload("broken.safetensors", b"nothing of the kind")
    lab.page.wait_for_function("() => find('.card')[0].textContent.includes('broken')")
    lab.upload("again.safetensors", lstm)
    lab.page.wait_for_function("() => !find('.card')[0].textContent.startsWith('Not shown')")


def test_charts_say_what_they_show(lab, reset):
    # one that is just being drawn anew has none for a moment
    lab.page.wait_for_function("() => find('.live').every(e => e.querySelector('[role=img]'))")
    said = lab.page.evaluate(
        "Object.fromEntries(find('.live').map(e => [e.dataset.key, e.querySelector('[role=img]').getAttribute('aria-label')]))"
    )
    assert set(said) == {*OF_NETWORK, "terms", "cliff", "helped", "loss", "reach"}
    assert all(len(text) > 30 and re.search(r"\d", text) for text in said.values()), json.dumps(
        said
    )


CARD = "find('.card').find(e => e.getClientRects().length).textContent"


def test_clearing_the_file_brings_the_sliders_network_back(lab, reset, lstm):
    lab.upload("third.safetensors", lstm)
    lab.page.wait_for_function(f"() => {CARD}.includes('your file third.safetensors')")
    assert "Without effect: gain, input strength" in lab.page.evaluate(CARD)
    with lab.redrawn(*OF_NETWORK):
        lab.page.get_by_text("Click to clear file").click()
    assert "sliders' network on noise: rnn, 64 units, 100 steps" in lab.page.evaluate(CARD)
    compare(lab, FIRST.build())


def test_after_an_overflow_the_page_goes_on(lab, reset):
    lab.choose("activation", "identity", ("by_lag",))
    slider = lab.control("gain of", "[role=slider]")
    slider.press("End")
    lab.page.wait_for_function(
        f"() => {CARD}.startsWith('Not shown') && {CARD}.includes('overflow')"
    )
    assert "still show what was measured before" in lab.page.evaluate(CARD)
    with lab.redrawn("by_lag"):
        slider.press("Home")
    assert "No error signal is left" in lab.page.evaluate(CARD)
    assert lab.rows("exponents", "note")
    lab.choose("activation", "tanh", ("activation",))
    lab.slide("gain of", 80, ("by_lag",))
    assert not lab.rows("exponents", "note")
    compare(lab, FIRST.build())


def test_every_control_has_a_name_of_its_own(lab):
    session = lab.page.context.new_cdp_session(lab.page)
    named = [
        (node["role"]["value"], node["name"]["value"])
        for node in session.send("Accessibility.getFullAXTree")["nodes"]
        if not node["ignored"]
        and node["role"]["value"]
        in ("slider", "combobox", "textbox", "DisclosureTriangle", "image")
    ]
    assert all(name for role, name in named if role != "image"), named
    for number in range(1, 9):
        assert sum(name == f"your answer to {number}" for _, name in named) == 1
    assert {"cell", "loss at step", "data"} <= {name for _, name in named}
    assert sum(name == "save this chart" for _, name in named) == 12
    assert sum(role == "image" and len(name) > 30 for role, name in named) == 12


def test_the_result_of_an_exercise_is_announced(lab):
    said = lab.answer(1, 1)
    assert said.startswith(lab.page.evaluate("find('[role=alert]')[0].textContent"))


def test_the_card_does_not_move_the_sliders(lab):
    def tops():  # on the page, wherever it is scrolled to
        top = lab.page.evaluate("find('h1')[0].getBoundingClientRect().top")
        return lab.control("gain of", "[role=slider]").bounding_box()["y"] - top

    before = tops()
    lab.choose("cell", "lstm", ("by_lag",))
    assert tops() == before
    lab.choose("cell", "rnn", ("by_lag",))


def test_sequences_of_ones_own_are_measured(lab, reset):
    """A .csv is read, then one that needs a word about its target; beside a model; until the file is cleared."""
    rng = np.random.default_rng(0)
    lines = ["sequence,step,a,b,c,label,other"]
    for s in range(20):
        x = rng.normal(size=(30, 3)).round(3)
        lines += [f"{s},{t},{x[t, 0]},{x[t, 1]},{x[t, 2]},{s % 2},{s % 3}" for t in range(30)]
    content = "\n".join(lines).encode()
    with lab.redrawn("by_lag"):
        lab.upload("mine.csv", content, ".csv")
    read = sequences.dropped("mine.csv", content, UNSAID, as_stored=False)
    assert (
        "mine.csv: 20 sequences of 30 steps; inputs: a, b, c, other; target: label, 2 classes"
        in lab.text()
    )
    compare(lab, FIRST.build(read))
    assert "It reads mine.csv, whose length and loss are its own." in lab.text()
    for label, selector in (("length", "[role=slider]"), ("loss at", "select"), ("data", "select")):
        found = lab.control(label, selector)
        assert found.evaluate("e => e.disabled || 'disabled' in e.dataset"), label
    assert not lab.control("gain of", "[role=slider]").evaluate("e => 'disabled' in e.dataset")
    with lab.redrawn("by_lag"):
        lab.control("target", "input").fill("other")
        lab.page.keyboard.press("Tab")
    lab.page.wait_for_function(
        "() => find('*').some(e => (e.shadowRoot ?? e).textContent.includes('3 classes'))"
    )

    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"rnn": torch.nn.GRU(4, 8), "fc": torch.nn.Linear(8, 3)})
    with lab.redrawn("by_lag"):
        lab.upload("mine.safetensors", safetensors(model.state_dict()))
    raw = sequences.dropped("mine.csv", content, UNSAID | {"target": "other"}, as_stored=True)
    compare(
        lab,
        upload.fitted(upload.opened("m.safetensors", safetensors(model.state_dict())), given=raw),
    )
    assert "mine.safetensors is shown: the weights, the cell and its units are those" in lab.text()
    for label, selector in (
        ("gain of", "[role=slider]"), ("input strength", "[role=slider]"), ("hidden units", "[role=slider]"),
        ("cell", "select"), ("activation", "select"), ("initial", "select"),
    ):  # fmt: skip
        found = lab.control(label, selector)
        assert found.evaluate("e => e.disabled || 'disabled' in e.dataset"), label
    lab.upload("bad.npz", b"PK\x03\x04 no", ".npz")
    lab.page.wait_for_function(
        "() => find('.card')[0].textContent.includes('bad.npz: expected a .npz file')"
    )
    with lab.redrawn("by_lag"):
        for _ in range(2):
            lab.page.get_by_text("Click to clear file").first.click()
            lab.page.wait_for_timeout(500)
    assert "the sliders' network on noise" in lab.text()
    assert not lab.control("cell", "select").evaluate("e => e.disabled")


def test_the_file_of_a_sweep_shows_its_map(lab, reset, tmp_path):
    path = tmp_path / "sweep.sqlite"
    base = Configuration(init="gaussian", hidden=16, length=40)
    axes = {"gain": "0.5:3:4", "input_variance": "0.1:1:3"}
    swept = bptt.sweep(axes, base=base, out=path, engine="threads")
    map_drawn = "() => find('marimo-vega, .vega-embed').some(e => !e.closest('.live'))"
    lab.upload("mine.sqlite", path.read_bytes(), ".sqlite", taken=map_drawn)
    text = lab.text()
    assert "12 points over gain, input_variance." in text
    assert all(sentence in text for sentence in swept.findings())
    assert swept.findings()
    said = "name => find('[role=alert]').some(e => e.textContent.includes(name))"
    lab.upload("other.sqlite", b"SQLite format 3\0" + bytes(200), ".sqlite", taken=said)


def test_two_networks_learn_on_the_page(lab, reset):
    """As the library trains them; their charts move meanwhile, without and with the change that was picked."""
    lab.control("length to learn", "[role=slider]").focus()
    for _ in range(3):
        lab.page.keyboard.press("ArrowLeft")
    lab.control("the change", "select").select_option("gru, open for the length")
    before = lab.page.evaluate("+live('reach').dataset.drawn")
    lab.page.get_by_role("button", name="Train both").first.click()
    lab.page.wait_for_function(
        "() => find('[role=alert]').some(e => e.textContent.startsWith('After 600'))"
    )
    assert lab.page.evaluate("+live('reach').dataset.drawn") > before + 3
    setting = learning.changes(10)["gru, open for the length"]
    built, losses = setting.build(), []
    learner = bptt.prognoses.NetworkLearner(built.network, built.data, length=10, lr=learning.LR)
    learner.advance(600, losses.append)
    lab.settle()
    rows = [row["loss"] for row in lab.rows("loss", "losses") if row["of"] == "with the change"]
    np.testing.assert_allclose(rows, np.mean(np.reshape(losses, (-1, 20)), 1), atol=2e-4)
    assert rows[-1] < 0.02 < 0.1 < rows[0]


def test_a_link_opens_a_section_with_settings(browser, lab):
    page = browser.new_page()
    page.add_init_script(FIND)
    link = "?section=what-helps&cell=lstm&bias=5&weight=1.5&gain=much&unknown=1"
    page.goto(f"{lab.address}/{link}", wait_until="commit")
    page.wait_for_function(f"() => window.find && find('.card').length && {CARD}.includes('lstm')")
    page.wait_for_function(
        "() => Math.abs(find('h2').find(e => e.id === 'what-helps').getBoundingClientRect().top) < 60"
    )
    said = page.evaluate("find('[role=alert]').map(e => e.textContent)")
    assert said[0] == "gain: expected a number from 0 to 3, got 'much'. The page shows 0.8."
    rows = page.evaluate("live('terms').view.data('terms').map(row => row.power)")
    assert rows[1] == 1.5
    page.emulate_media(media="print")
    assert not page.evaluate("find('.ask button, .scenes button').some(e => e.getClientRects().length)")  # fmt: skip
    page.close()


def test_the_look_ahead_says_what_the_library_says(lab, reset):
    """The last one on the page: its charts stay there."""
    lab.control("updates of the whole", "[role=slider]").press("ArrowLeft")
    lab.page.get_by_role("button", name="Look ahead").first.click()
    network = replace(FIRST, data="adding").build().network
    ahead = bptt.prognosis(network, bptt.data.tasks.adding(100), budget=500, progress=False)
    lab.page.wait_for_function(
        "words => find('[role=alert]').some(e => e.textContent === words)", arg=ahead.sentence
    )
    lab.page.wait_for_function(
        "() => find('marimo-vega, .vega-embed').filter(e => !e.closest('.live')).length >= 3"
    )
    text = lab.text()
    for figure in ("reach", "agreement", "form"):
        finding = getattr(ahead.charts, figure).description.partition(". ")[2]
        assert finding in text
