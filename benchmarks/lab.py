"""``bptt lab``, measured in the browser: from opening to the first chart, and from a slider's move to the redrawn charts.

python -m benchmarks.lab           # prints the table
"""

import statistics

from tests.chromium import chromium
from tests.lab.driver import Lab, running, told

MOVES = 20
CELLS = (("rnn", 64, 100), ("gru", 64, 100), ("lstm", 64, 100), ("lstm", 128, 300))
LIMITS = (150, 150, 150, 400)  # ms, median
WATCHED = ("by_lag", "factors", "sequence", "activation", "plane", "exponents", "truncation")
# The charts are looked for once: a walk through all shadow roots at every frame would be timed with them.
CLOCK = """keys => {
  window.watched = keys.map(live);
  window.before = watched.map(box => +box.dataset.at);
  window.pressed = null;
  addEventListener("keydown", () => { pressed ??= performance.now(); }, { once: true, capture: true });
}"""
# When the chart that the server drew has been on the screen for a frame.
SEEN = """const look = () => {
  const image = document.querySelector("#opening img");
  requestAnimationFrame(image?.complete && image.naturalWidth ? () => { window.seen ??= performance.now(); } : look);
};
look();"""
REDRAWN = "() => watched.every((box, i) => +box.dataset.at > before[i])"


def moved(lab, slider):
    """ms from one key to the first chart, and to the last."""
    lab.page.evaluate(CLOCK, list(WATCHED))
    slider.focus()
    lab.page.keyboard.press("ArrowRight")
    lab.page.wait_for_function(REDRAWN, polling=50, timeout=10_000)
    at = lab.page.evaluate("watched.map(box => box.dataset.at - pressed)")
    return min(at), max(at)


def opening(lab):
    """Seconds from opening to the first chart, as the server drew it and as the page does."""
    return [ms / 1000 for ms in lab.page.evaluate("[seen, Math.min(...Object.values(drawn()))]")]


def main():
    """One row per network."""
    with chromium() as browser, running("--port", "0") as (_, said):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(SEEN)
        lab = Lab(page, told(said))
        first = opening(lab)
        lab.page.reload()
        lab.ready()
        again = opening(lab)
        loaded = lab.page.evaluate(
            "performance.getEntriesByType('navigation')[0].loadEventEnd"
        )  # by then none of our cells has run
        for who, at, later in zip(("server", "page"), first, again, strict=True):
            print(f"seconds from opening to the first chart, drawn by the {who:6}: {at:.1f}, opened again {later:.1f} (wanted: 3)")  # fmt: skip
        print(f"seconds in which marimo's page alone is loaded, opened again: {loaded / 1000:.1f}")
        print(f"ms from the key to the chart, {MOVES} moves of the gain   first chart   all {len(WATCHED)}   slowest   wanted")  # fmt: skip
        for (cell, hidden, length), limit in zip(CELLS, LIMITS, strict=True):
            lab.page.goto(f"{lab.address}/?cell={cell}&hidden={hidden}&length={length}")
            lab.ready()
            slider = lab.control("gain of", "[role=slider]")
            times = [moved(lab, slider) for _ in range(MOVES)]
            begun, last = (statistics.median(column) for column in zip(*times, strict=True))
            slowest = max(each for _, each in times)
            name = f"{cell}, {hidden} units, {length} steps"
            print(f"{name:48}{begun:12.0f}{last:9.0f}{slowest:10.0f}{limit:9}", flush=True)


if __name__ == "__main__":
    main()
