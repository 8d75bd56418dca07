"""The report as one HTML file: text, table, charts and the script that draws them, all inside."""

import json
from typing import Any

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from bptt.diagnosis import Diagnosis
from bptt.report.charts import figures
from bptt.report.words import headline, numbers
from bptt.version import __version__


def page(
    stages: list[tuple[str, Diagnosis]], title: str, facts: tuple[tuple[str, str], ...]
) -> str:
    """The whole file as text.

    Args:
        stages: (name, diagnosis) of the same network at different times, the one to judge last.
        title: what was measured.
        facts: (name, value) pairs about data and training.
    """
    judged = stages[-1][1]
    layers: list[dict[str, Any]] = []
    for name, now in judged.layers.items():
        columns = [numbers(diagnosis, diagnosis.layers[name]) for _, diagnosis in stages]
        rows = [(row[0][0], [value for _, value in row]) for row in zip(*columns, strict=True)]
        of_layer = [(stage, diagnosis.layers[name]) for stage, diagnosis in stages]
        charts = figures(of_layer, judged.truncation)
        layers.append(
            {
                "name": name,
                "now": now,
                "headline": headline(now),
                "rows": rows,
                "figures": [
                    {
                        "id": f"chart-{name.replace('.', '-')}-{figure.key}",
                        "heading": figure.heading,
                        "reading": figure.reading,
                        "missing": figure.missing,
                        "spec": figure.chart.to_dict() if figure.chart else None,
                    }
                    for figure in charts
                ],
            }
        )
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bptt.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    drawn = [figure for layer in layers for figure in layer["figures"] if figure["spec"]]
    specs = {figure["id"]: figure["spec"] for figure in drawn}
    return environment.get_template("page.html.j2").render(
        title=title,
        facts=facts,
        judged=judged,
        stages=[stage for stage, _ in stages],
        layers=layers,
        # "</" would end the script element
        specs=Markup(json.dumps(specs).replace("</", r"<\/")),
        script=Markup(_script()),
        version=__version__,
    )


def _script() -> str:
    """Vega, Vega-Lite and vega-embed in one script, as the installed packages ship them."""
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    # Altair calls it so too; the stub asks for a snippet that is optional.
    bundle = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]
    return str(bundle).replace("</script", r"<\/script")
