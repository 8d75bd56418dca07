"""A page as one file: the text from a template, the charts, and the script that draws them, all inside."""

import json
from typing import Any

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from bptt.presentation.colours import NAMES, ON_DARK, OUTLOOK_TONES, VERDICT_TONES
from bptt.presentation.figure import Figure
from bptt.version import __version__

TONES = VERDICT_TONES | OUTLOOK_TONES


def drawable(figure: Figure, prefix: str = "") -> dict[str, Any]:
    """A figure as the templates take it; ``prefix`` keeps its id apart from others of its key."""
    return {
        "id": f"chart-{prefix}{figure.key}",
        "heading": figure.heading,
        "reading": figure.reading,
        "finding": figure.finding,
        "table": figure.table,
        "missing": figure.missing,
        # the tests check the charts against the schema; here it would take longer than all else
        "spec": figure.chart.to_dict(validate=False) if figure.chart else None,
    }


def rendered(template: str, drawn: list[dict[str, Any]], **values: Any) -> str:
    """The whole file as text.

    Args:
        template: its name.
        drawn: every figure on the page, as ``drawable`` gives them.
        values: the template's variables.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bptt.presentation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    specs = {
        figure["id"]: {"title": figure["heading"], "spec": figure["spec"]}
        for figure in drawn
        if figure["spec"]
    }
    return environment.get_template(template).render(
        specs=_inside(specs),
        colours=_inside(NAMES),
        palette={name: (colour, ON_DARK[colour]) for colour, name in NAMES.items()},
        tones={name.replace(" ", "-"): tone for name, tone in TONES.items()},
        script=Markup(_script()),
        version=__version__,
        **values,
    )


def _inside(value: Any) -> Markup:
    """As JSON inside a script element, which "</" would end."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("</", r"<\/"))


def _script() -> str:
    """Vega, Vega-Lite and vega-embed in one script, as the installed packages ship them."""
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    # Altair calls it so too; the stub asks for a snippet that is optional.
    bundle = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]
    return str(bundle).replace("</script", r"<\/script")
