"""The live page as a user has it: ``bptt lab`` in a process of its own, open in headless Chromium."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import Browser, Page, TimeoutError

PICTURES = 12  # on the page

# Everything on the page lies in shadow roots.
FIND = """window.find = selector => {
  const found = [];
  const walk = root => {
    found.push(...root.querySelectorAll(selector));
    root.querySelectorAll("*").forEach(e => { if (e.shadowRoot) walk(e.shadowRoot); });
  };
  walk(document);
  return found;
};
window.formulas = () => find("annotation").map(e => e.textContent).join("\\n");
window.live = key => find(`.live[data-key="${key}"]`)[0];
// an exercise: where the answer goes, and what was said of the last answer
window.forms = () => find(".ask").map(form => ({
  field: form.querySelector("input, select"), said: form.querySelector(".said").textContent,
  begin: form.querySelector("button[type=button]"),
}));
// when each picture was drawn: one that is put up anew counts from the start again
window.drawn = () => Object.fromEntries(find(".live").map(e => [e.dataset.key, +e.dataset.at]));"""

# what shows that a file was taken
ON_A_CARD = "name => find('.card').some(e => e.textContent.includes(name))"


LAB = [sys.executable, "-m", "bptt", "lab", "--headless"]


@contextmanager
def running(*options: str, cwd=None, command=LAB, lines=1, **environment):
    """The process and the first lines it prints, once it answers; killed in the end if it has not ended."""
    process = subprocess.Popen(
        [*command, *options], cwd=cwd, env=os.environ | environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        said = [process.stdout.readline() for _ in range(lines)]
        assert said[0], process.stderr.read()
        yield process, said
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def told(said: list[str]) -> str:
    """The address that it printed."""
    return re.search(r"http://\S+", said[0])[0]


def ended(process: subprocess.Popen, number: int) -> None:
    """A signal ends it, in silence."""
    process.send_signal(number)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (0, "", "")


def complains(message) -> bool:
    """Whether a line of the console is an error or a warning; that marimo fetches pictures in advance for bad times is none."""
    return message.type in ("error", "warning") and "was preloaded" not in message.text


class Lab:
    """The open page.

    Args:
        page: playwright's.
        address: of the server.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)
        page.add_init_script(FIND)
        self.address = address.rstrip("/")
        page.goto(address)
        self.ready()

    def ready(self) -> None:
        """Wait until every picture stands."""
        self.page.wait_for_function(
            "n => find('.live[data-drawn]').length >= n", arg=PICTURES, timeout=120_000
        )
        self.settle()

    def _heard(self, message) -> None:
        if complains(message):
            self.complaints.append(message.text)

    def settle(self) -> None:
        """Wait until nothing is measured and nothing has been drawn for a while."""
        self.page.wait_for_function(
            "() => performance.now() - Math.max(...find('.live').map(e => +e.dataset.at)) > 700"
            " && !find('.card[aria-busy=true], [data-testid=loading-indicator]').length",
            timeout=60_000,
        )

    def control(self, label: str, selector: str):
        """The input whose label begins so."""
        handle = self.page.evaluate_handle(
            """([label, selector]) => {
              for (const host of find("*").filter(e => e.tagName.startsWith("MARIMO-"))) {
                const root = host.shadowRoot;
                if (!root || !root.textContent.replace(/\\s+/g, " ").trim().startsWith(label)) continue;
                const inputs = [...root.querySelectorAll(selector)];
                const input = inputs.find(e => e.getClientRects().length);  // the sidebar stands there twice
                if (input) return input;
              }
              return null;
            }""",
            [label, selector],
        ).as_element()
        assert handle is not None, f"no {selector} labelled {label!r}"
        return handle

    def choose(self, label: str, choice: str, keys: tuple[str, ...]) -> None:
        """One of a list or of a row of buttons; waits until these pictures have been drawn again."""
        with self.redrawn(*keys):
            found = self.control(label, f"select, [role=radio][value='{choice}']")
            if found.evaluate("e => e.tagName") == "SELECT":
                found.select_option(choice)
            else:
                found.click()

    def upload(
        self, name: str, content: bytes, kind: str = ".safetensors", taken: str = ON_A_CARD
    ) -> None:
        """Drop a file where those of its kind are taken, and wait until the page shows that it was taken."""
        for _ in range(3):  # a field that is just being drawn anew loses what it is given
            field = self.page.evaluate_handle(
                "kind => find('input[type=file]').find(e => e.accept.includes(kind))", kind
            ).as_element()
            field.set_input_files(
                [{"name": name, "mimeType": "application/octet-stream", "buffer": content}]
            )
            with suppress(TimeoutError):
                self.page.wait_for_function(taken, arg=name, timeout=8000)
                return
        raise AssertionError(f"the page did not take {name}")

    def answer(self, number: int, value: object) -> str:
        """Answer an exercise, the first is 0; what is said of it."""
        form = f"forms()[{number}]"
        before = self.page.evaluate(f"{form}.said")
        field = self.page.evaluate_handle(f"{form}.field").as_element()
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(str(value))
            field.evaluate("e => e.form.requestSubmit()")
        else:
            field.fill(str(value))
            field.press("Enter")
        said = f"{form}.said"
        self.page.wait_for_function(f"before => {said} && {said} !== before", arg=before)
        return self.page.evaluate(said)

    def begin(self, number: int, key: str) -> None:
        """Set the sliders to where an exercise begins; waits until a picture has been drawn again."""
        with self.redrawn(key):
            self.page.evaluate_handle(f"forms()[{number}].begin").as_element().click()

    def rows(self, key: str, name: str) -> list[dict]:
        """What a picture draws under that name."""
        found = self.page.evaluate("([key, name]) => live(key).view.data(name)", [key, name])
        return [{k: v for k, v in row.items() if not k.startswith("_")} for row in found]

    def scroll(self, heading: str) -> None:
        """Bring a heading to the top of the window."""
        self.page.evaluate(
            "words => find('h1, h2, h3').find(e => e.textContent.startsWith(words)).scrollIntoView()",
            heading,
        )
        self.page.wait_for_timeout(300)

    def text(self) -> str:
        """All words on the page."""
        return self.page.evaluate(
            "find('*').map(e => e.shadowRoot ? e.shadowRoot.textContent : '').join(' ') + document.body.textContent"
        )

    @contextmanager
    def redrawn(self, *keys: str) -> Iterator[None]:
        """Waits until these pictures have been drawn again."""
        before = self.page.evaluate("drawn()")
        yield
        self.page.wait_for_function(
            "([before, keys]) => keys.every(k => drawn()[k] > before[k])",
            arg=[before, list(keys or before)],
            timeout=60_000,
        )
        self.settle()

    def slide(self, label: str, presses: int, keys: tuple[str, ...] = ()) -> None:
        """Move a slider by so many steps, to the right or, below 0, to the left: tens by the keys that leap."""
        self.control(label, "[role=slider]").focus()
        leap, step = ("PageUp", "ArrowRight") if presses > 0 else ("PageDown", "ArrowLeft")
        tens, ones = divmod(abs(presses), 10)
        with self.redrawn(*keys):
            for key in [leap] * tens + [step] * ones:
                self.page.keyboard.press(key)


@contextmanager
def opened(browser: Browser, **context) -> Iterator[Lab]:
    """The page, from the command to the browser."""
    with running("--port", "0") as (_, said):
        page = browser.new_page(**context)
        yield Lab(page, told(said))
        page.close()
