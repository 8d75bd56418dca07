"""From a slider's move to the redrawn charts of ``bptt lab``, measured in the browser: hidden 64, length 100.

python -m benchmarks.lab           # prints the table
"""

import statistics

from tests.chromium import chromium
from tests.lab.driver import opened

MOVES = 40
CELLS = ("rnn", "gru", "lstm")
LIMIT = 250  # ms
WATCHED = ("by_lag", "factors", "sequence", "activation", "plane", "exponents", "truncation")
CLOCK = """() => {
  window.before = drawn();
  window.pressed = null;
  addEventListener("keydown", () => { pressed ??= performance.now(); }, { once: true, capture: true });
}"""


def moved(lab, slider):
    """ms from one key to the first chart, and to the last."""
    lab.page.evaluate(CLOCK)
    slider.focus()
    lab.page.keyboard.press("ArrowRight")
    lab.page.wait_for_function("keys => keys.every(k => drawn()[k] > before[k])", arg=list(WATCHED))
    at = lab.page.evaluate("keys => keys.map(k => live(k).dataset.at - pressed)", list(WATCHED))
    return min(at), max(at)


def main():
    """One row per cell."""
    print(
        f"ms from the key to the chart, {MOVES} moves of the gain   first chart   all {len(WATCHED)}   slowest"
    )
    with chromium() as browser, opened(browser, viewport={"width": 1280, "height": 900}) as lab:
        for cell in CELLS:
            if cell != CELLS[0]:
                lab.choose("cell", cell, ("by_lag",))
            slider = lab.control("gain of", "[role=slider]")
            times = [moved(lab, slider) for _ in range(MOVES)]
            first, last = (statistics.median(column) for column in zip(*times, strict=True))
            slowest = max(last for _, last in times)
            print(f"{cell:60}{first:12.0f}{last:9.0f}{slowest:10.0f}")
    print(f"wanted: below {LIMIT}")


if __name__ == "__main__":
    main()
