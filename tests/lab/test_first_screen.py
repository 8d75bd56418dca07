"""What the server draws before marimo's scripts have run: it is there, it is what the live page shows then, and it goes."""

import pytest

pytest.importorskip("marimo")

from bptt.lab import pictures
from bptt.lab.exercises import OneUnit
from bptt.lab.exercises.of_one_unit import expression
from bptt.lab.first_screen import OPENS, first_screen
from bptt.lab.opening import headings
from tests.lab.driver import FIND, complains
from tests.lab.test_boxes import CUT, TEXTS

IMAGE = "document.querySelector('#opening img')"
# Blocks that begin before the one above them ends.
OVER = """() => {
  const blocks = [...document.querySelectorAll("#opening .part > :not(.markdown), #opening .part > .markdown > *")];
  return blocks.slice(1).filter((e, i) =>
    e.getBoundingClientRect().top < blocks[i].getBoundingClientRect().bottom - 1).map(e => e.textContent.slice(0, 40));
}"""

# Words in a dark colour.
INK = """() => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  return letters(document.getElementById("opening")).filter(([node]) => {
    pen.fillStyle = getComputedStyle(node.parentElement).color;
    pen.fillRect(0, 0, 1, 1);
    return Math.min(...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)) < 128;
  }).map(([node]) => node.data.slice(0, 40));
}"""


def headings_read(page):
    """Those that a screen reader comes by."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return [
        node["name"]["value"]
        for node in nodes
        if not node["ignored"] and node["role"]["value"] == "heading"
    ]


@pytest.mark.parametrize(
    ("link", "key", "width", "scheme"),
    [("", "terms", 1280, "light"), ("?section=a-whole-network&gain=1.4", "by_lag", 390, "dark")],
)
def test_the_first_chart_is_there_before_the_scripts_and_then_the_live_one(
    browser, at, link, key, width, scheme
):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.add_init_script(FIND)
    held, complaints = [], []
    page.on("console", lambda line: complaints.append(line.text) if complains(line) else None)  # fmt: skip
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route("**/assets/index-*.js", lambda route: held.append(route))
    page.goto(at.geturl() + link, wait_until="commit")
    page.wait_for_function(f"() => window.find && {IMAGE}?.complete && {IMAGE}.naturalWidth")
    page.evaluate("document.fonts.ready.then(() => null)")
    drawn = page.evaluate(f"{IMAGE}.alt")
    page.evaluate(TEXTS)
    assert page.evaluate(CUT) == []
    assert page.evaluate(OVER) == []
    column = page.evaluate(f"{IMAGE}.getBoundingClientRect().width / {IMAGE}.closest('.part').clientWidth")  # fmt: skip
    assert column > 0.9
    ground = page.evaluate("getComputedStyle(document.getElementById('opening')).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    if scheme == "dark":
        assert page.evaluate(INK) == []
    # the reader goes on to the last heading, which stays where it is
    page.evaluate("[...document.querySelectorAll('#opening h2')].at(-1).scrollIntoView()")
    last = page.evaluate("[...document.querySelectorAll('#opening h2')].at(-1).dataset.at")
    read = headings_read(page)
    for route in held:
        route.continue_()
    page.unroute("**/assets/index-*.js")
    page.wait_for_selector("#opening", state="detached", timeout=60_000)
    assert page.evaluate("key => +live(key).dataset.drawn", key) >= 1
    assert abs(page.evaluate("name => document.getElementById(name).getBoundingClientRect().top", last)) < 2  # fmt: skip
    page.wait_for_function("key => live(key).querySelector('[role=img]')", arg=key)
    assert page.evaluate("key => live(key).querySelector('[role=img]').ariaLabel", key) == drawn
    now = headings_read(page)
    assert {name: now.count(name) for name in read} == dict.fromkeys(read, 1)
    assert not complaints
    page.close()


def test_where_the_page_does_not_come_it_goes_after_half_a_minute(browser, at):
    """Or it would cover for ever what marimo says in its place; the page's clock is moved by hand, nobody waits."""
    page = browser.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.route("**/assets/index-*.js", lambda route: route.abort())
    page.goto(at.geturl())
    page.clock.run_for(29_900)
    assert page.locator("#opening h1").is_visible()
    page.clock.run_for(200)
    page.wait_for_selector("#opening", state="detached", timeout=5000)
    page.close()


def test_with_scripts_turned_off_it_stays(browser, at):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(at.geturl())
    chart = page.get_by_role("img")
    assert chart.get_attribute("alt") == pictures.terms.sentence(expression(OneUnit()))
    assert chart.bounding_box()["height"] > 100
    assert "let the browser run this page's scripts" in page.locator("#opening").inner_text()
    context.close()


@pytest.mark.parametrize("section", sorted(set(headings())))
def test_every_section_is_drawn_from_its_heading_on(section):
    html = first_screen({"section": section})
    assert OPENS not in html
    assert html.index("data-at=") < html.index("</h")
    assert html.count("<img") <= 1


@pytest.mark.parametrize(
    "asked", [{"gain": "<script>alert()</script>"}, {"section": "<b>"}, {"data": "adding"}, {"cell": ["rnn", "gru"]}, {"gain": "2", "activation": "identity", "length": "300", "section": "a-whole"}]
)  # fmt: skip
def test_what_cannot_be_drawn_opens_with_a_line(asked):
    assert first_screen(asked).startswith(OPENS)
