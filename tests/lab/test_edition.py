"""The lesson as one file: it opens from the disk with no network, counts as the library does, and is silent."""

import re
from html import unescape

import numpy as np
import pytest

pytest.importorskip("marimo")

import marimo as mo

from bptt.cells.activations import ACTIVATIONS
from bptt.derivation import Derivation
from bptt.errors import OptionError
from bptt.lab import texts, words
from bptt.lab.edition import save, wording
from bptt.lab.edition.mathml import mathml
from bptt.lab.exercises import EXERCISES
from bptt.lab.exercises.of_one_unit import inputs
from bptt.lab.scalar import unrolled


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    path = save(tmp_path_factory.mktemp("edition") / "lesson.html")
    context = browser.new_context(viewport={"width": 390, "height": 844}, offline=True)
    opened = context.new_page()
    complaints = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(path.as_uri())
    yield opened
    assert not complaints
    context.close()


def test_one_unit_is_computed_as_the_library_does(page):
    for phi in ACTIVATIONS:
        at = {"weight": 1.2, "input_weight": 0.7, "phi": phi, "steps": 5}
        drawn = page.evaluate("at => unrolled(at).map(term => term.product)", at)
        expected = [term.product for term in unrolled(0.7, 1.2, 0, inputs(), 5, phi).terms]
        np.testing.assert_allclose(drawn, expected, rtol=1e-9, atol=1e-12)


def test_a_slider_moves_the_terms_and_an_exercise_is_judged(page):
    form = page.locator("form.ask").first
    form.get_by_role("button", name="Set the sliders").click()
    assert page.locator("#weight").input_value() == "1.2"
    assert "−0.836" in page.locator("#terms tr").nth(1).inner_text()
    form.locator("input").fill("1.2")
    form.locator("input").press("Enter")
    assert "Hint" in form.locator("output").inner_text()
    form.locator("input").fill("-0.836")
    form.get_by_role("button", name="Check").click()
    assert form.locator("output").inner_text() == "Right."


def test_the_list_shows_another_network(page):
    shown = "[...document.querySelectorAll('.card')].filter(e => e.getClientRects().length).map(e => e.textContent)"
    assert page.evaluate(shown)[0].startswith("Vanishing")
    page.locator("#scene").select_option("W_R grows, nothing takes it back")
    assert page.evaluate(shown)[0].startswith("Exploding")
    wrong = "[...document.images].filter(e => !e.complete || !e.naturalWidth || e.alt.length < 30).length"
    assert page.evaluate(wrong) == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    cut = "[...document.querySelectorAll('.wide:has(> math)')].filter(e => e.scrollWidth > e.clientWidth).length"
    assert page.evaluate(cut) == 0


def test_nothing_is_said_of_controls_that_are_not_there(page):
    page_words = "\n".join(text for name, text in vars(texts).items() if name.isupper() and isinstance(text, str))  # fmt: skip
    page_words += "\n".join(text for text, _, _ in texts.PICTURES)
    assert [said for said in wording.SAID if said not in page_words] == []
    below = page.evaluate("document.body.innerText").partition("A whole network")[2]
    for word in ("slider", "button", "Train both", "Drop"):
        assert word not in below


def test_a_dark_telephone_reads_the_pictures_too(page):
    """A picture as wide as the column, whose words are light where the system is dark."""
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(
        """async () => {
          const image = [...document.images].find(e => e.getClientRects().length);
          await image.decode();
          const canvas = Object.assign(document.createElement("canvas"), { width: 340, height: 300 });
          const pen = canvas.getContext("2d");
          pen.drawImage(image, 0, 0, 340, 300);
          const dots = pen.getImageData(0, 0, 340, 300).data;
          let light = 0, black = 0;
          for (let i = 0; i < dots.length; i += 4) if (dots[i + 3] > 200) {
            light += Math.min(dots[i], dots[i + 1], dots[i + 2]) > 180;
            black += Math.max(dots[i], dots[i + 1], dots[i + 2]) < 40;
          }
          return light > 100 && black === 0 && image.naturalWidth < 400;
        }"""
    )
    # and what a picture fills is no lighter than its words: the middle of a scale is dark, too
    filled = page.evaluate(
        """async () => {
          const found = [];
          for (const image of [...document.images].filter(e => e.getClientRects().length)) {
            await image.decode();
            const { naturalWidth: wide, naturalHeight: high } = image;
            const pen = Object.assign(document.createElement("canvas"), { width: wide, height: high }).getContext("2d");
            pen.drawImage(image, 0, 0, wide, high);
            const dots = pen.getImageData(0, 0, wide, high).data;
            let light = 0;
            for (let i = 0; i < dots.length; i += 4)
              light += dots[i + 3] > 200 && Math.min(dots[i], dots[i + 1], dots[i + 2]) > 150;
            found.push(light / (wide * high));
          }
          return found;
        }"""
    )
    # the legend of a scale is filled by the name of a run of colours, which stays
    named = "[...document.images].some(e => /{fill:url/.test(atob(e.src.split(',')[1])))"
    assert not page.evaluate(named)
    assert len(filled) > 8
    assert max(filled) < 0.05
    page.emulate_media(color_scheme=None)


def test_formulas_are_aligned(page):
    """What stands before an = ends there, in every line: Chromium has its own idea of the cells of a table."""
    gaps = page.evaluate(
        """() => [...document.querySelectorAll("mtd")].filter(cell => cell.style.textAlign.includes("right")).map(cell => {
          const inside = document.createRange();
          inside.selectNodeContents(cell.firstElementChild);
          const { right, width } = inside.getBoundingClientRect();
          return width ? cell.getBoundingClientRect().right - right : 0;
        })"""
    )
    assert len(gaps) > 20
    assert max(gaps) < 16  # the padding of a cell, and what a sign keeps from it


def test_every_formula_of_the_page_is_known():
    written = "\n\n".join(text for name, text in vars(texts).items() if name.isupper() and isinstance(text, str))  # fmt: skip
    written += "\n\n".join(text for text, _, _ in texts.PICTURES)
    written += "\n\n".join(each.question for each in EXERCISES)
    written += "\n\n".join(texts.aligned(Derivation(n, form)) for n in (1, 3) for form in ("scalar", "matrix"))  # fmt: skip
    html = mo.md(words.explained(written)).text
    formulas = re.findall(r"<marimo-tex[^>]*>(.*?)</marimo-tex>", html, re.DOTALL)
    assert len(formulas) > 150
    for formula in formulas:
        mathml(unescape(formula).strip()[3:-3])
    with pytest.raises(ValueError, match="not known"):
        mathml(r"\unknown")


def test_a_name_that_is_no_page_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"export: expected a name ending in \.html"):
        save(tmp_path / "lesson.txt")
