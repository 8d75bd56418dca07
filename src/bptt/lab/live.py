"""Charts on the page, drawn by a script that makes no code of text: the page's policy allows none."""

import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import altair as alt
import traitlets
import vl_convert

from bptt.lab.assets import path_of
from bptt.lab.kept import kept
from bptt.lab.pictures import Picture
from bptt.lab.widget import Widget
from bptt.presentation.colours import ON_DARK


@cache
def script() -> str:
    """What draws the charts: Vega, Vega-Lite and vega-embed as the installed packages ship them, with ``live.js`` at the end."""
    shared = f"const ON_DARK = {json.dumps(ON_DARK)};\n"
    vega_lite = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    text = shared + files("bptt.lab").joinpath("live.js").read_text("utf-8")
    # to put them together takes seconds
    return kept(
        "live-page",
        f"{version('vl-convert-python')} {vega_lite} {text}",
        lambda: str(vl_convert.javascript_bundle(text, vl_version=vega_lite)),
    )


@cache
def script_at() -> str:
    """Where the server answers with it: all charts share one, which the browser fetches with the page and keeps."""
    return path_of("charts", script())


class _Chart(Widget):
    """What the script draws.

    Attributes:
        key: the picture's name, for whoever looks for it on the page.
        spec: the chart, with named data and no rows.
        rows: the rows by name.
        sentence: what the chart shows at present, for a screen reader.
        still: whether it stays as it is: another width, and other rows, are not for it.
    """

    _esm = f'export {{ default }} from "{script_at()}";'
    still = traitlets.Bool(False).tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    rows = traitlets.Dict().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)


class Live(_Chart):
    """One picture that takes new rows without being made anew.

    Args:
        picture: what it is.
        shown: what it shows first.
    """

    def __init__(self, picture: Picture, shown: Any) -> None:
        super().__init__(
            key=picture.key,
            spec=picture.spec(shown),
            rows=dict(picture.rows(shown)),
            sentence=picture.sentence(shown),
        )
        self._picture = picture

    def show(self, shown: Any) -> None:
        """Draw something else: its rows, and where the chart itself depends on it, the chart."""
        with self.hold_sync():
            self.spec = self._picture.spec(shown)
            self.rows = dict(self._picture.rows(shown))
            self.sentence = self._picture.sentence(shown)


class Still(_Chart):
    """A chart that is drawn once.

    Args:
        chart: Altair's.
        sentence: what it shows, for a screen reader.
    """

    def __init__(self, chart: Any, sentence: str) -> None:
        super().__init__(key="still", spec=chart.to_dict(), rows={}, sentence=sentence, still=True)
