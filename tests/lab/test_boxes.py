"""Nothing on the live page is cut off or covered, on a telephone, a desk and a projector: told by the boxes of its text."""

import pytest

pytest.importorskip("marimo")

# What is read: every text node that is shown, with the box of its letters.
TEXTS = """
window.letters = root => {
  const found = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE && node.data.trim()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) if (box.width > 1 && box.height > 1) found.push([node, box]);
    }
    if (node.nodeType === Node.ELEMENT_NODE) {
      const style = getComputedStyle(node);
      if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0") return;
      if (node.matches("style, script, title, .katex-mathml, .sr-only, option")) return;
      if (node.shadowRoot) walk(node.shadowRoot);
    }
    node.childNodes.forEach(walk);
  };
  walk(root);
  return found;
};
window.above = node => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null;
null;  // the value of this text
"""
# Letters that end outside of the window, or of the nearest box that cuts them off: unless they can be scrolled to.
CUT = """() => letters(document.body).flatMap(([node, box]) => {
  for (let e = above(node); e && e !== document.body; e = above(e)) {
    if (e.closest("svg")) continue;
    const style = getComputedStyle(e), own = e.getBoundingClientRect();
    if (["auto", "scroll"].includes(style.overflowX) && e.id !== "App") return [];
    const clipped = ["hidden", "clip"].includes(style.overflowX) && own.width > 1;
    if (clipped && (box.right > own.right + 1 || box.left < own.left - 1)) return [node.data];
  }
  return box.right > innerWidth + 1 || box.left < -1 ? [node.data] : [];
})"""
# In a chart: letters outside of it or over each other, and a chart that leaves room beside it.
CHARTS = """() => find(".live").flatMap(live => {
  const svg = live.querySelector("svg.marks"), whole = svg.getBoundingClientRect();
  const said = letters(svg), bad = [];
  for (const [i, [node, a]] of said.entries()) {
    if (a.left < whole.left - 2 || a.right > whole.right + 2 || a.top < whole.top - 2 || a.bottom > whole.bottom + 2)
      bad.push([live.dataset.key, "outside", node.data]);
    for (const [other, b] of said.slice(i + 1)) {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 3) bad.push([live.dataset.key, "over each other", node.data + " / " + other.data]);
    }
  }
  if (whole.width < 0.97 * live.clientWidth) bad.push([live.dataset.key, "narrow", whole.width]);
  return bad;
})"""
# Headings that something lies over when they are at the top of the window.
COVERED = """() => find("h1, h2, h3").flatMap(heading => {
  if (!heading.getClientRects().length) return [];
  heading.scrollIntoView();
  const bad = letters(heading).filter(([node, box]) => {
    let top = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    while (top?.shadowRoot?.elementFromPoint) {
      const inner = top.shadowRoot.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
      if (!inner || inner === top) break;
      top = inner;
    }
    for (let e = top; e; e = above(e)) if (e === heading) return false;
    return true;
  });
  return bad.map(([node]) => node.data);
})"""

# Whether the words of a chart are light, as they are on a dark ground.
LIGHT = """() => {
  const words = find(".live[data-key=by_lag] .role-axis-label text")[0];
  return Math.max(...getComputedStyle(words).fill.match(/\\d+/g).slice(0, 3).map(Number)) > 128;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1920, 1080), (1280, 900)])
def test_nothing_is_cut_off_or_covered(lab, width, height, scheme):
    lab.page.emulate_media(color_scheme=scheme)
    lab.page.set_viewport_size({"width": width, "height": height})
    lab.page.wait_for_timeout(300)
    lab.settle()
    if width < 500:  # whose charts have the longest legends
        lab.choose("cell", "lstm", ("by_lag",))
    lab.page.evaluate(TEXTS)
    assert lab.page.evaluate(CUT) == []
    assert lab.page.evaluate(CHARTS) == []
    assert lab.page.evaluate(COVERED) == []
    assert lab.page.evaluate(LIGHT) == (scheme == "dark")
    size = lab.page.evaluate("parseFloat(getComputedStyle(find('h2 + .paragraph')[0]).fontSize)")
    drawn = lab.page.evaluate(
        "find('.live[data-key=by_lag] svg text')[0].getBoundingClientRect().height"
    )
    assert size >= max(16, width / 100)  # a projector's letters are larger
    assert drawn >= 13 * size / 16
    if width < 500:
        lab.choose("cell", "rnn", ("by_lag",))
    lab.page.emulate_media(color_scheme=None)
