"""The pictures of published results that were measured again, from what is stored: python -m docs.figures gates curse ..."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from experiments.running import stored
from experiments.spectrum import of_matrices
from experiments.windows import LAG, LENGTH

from bptt.data.tasks import order2
from bptt.dynamics import gated_isometry, gated_mean_field
from bptt.presentation.chart_style import DASHED, DOTTED, SOLID, data, told_apart
from bptt.presentation.colours import BLUE, GREEN, GREY, ORANGE, PURPLE
from bptt.presentation.paper import save_chart
from bptt.presentation.style import Style

IMAGES = Path(__file__).parent / "images"
LOOK = Style(size=8.0, line=1.2)
WIDTH = 125  # mm: on a telephone the letters are still read
LOG = alt.Scale(type="log", nice=False)
COLOURS = (BLUE, ORANGE, GREEN)
Row = Mapping[str, Any]


def picture(name: str, panels: Sequence[Any], height: float) -> None:
    """Panels below one another."""
    whole = panels[0]
    if panels[1:]:
        apart = {"color": "independent", "strokeDash": "independent", "shape": "independent"}
        whole = alt.concat(*panels, columns=1).resolve_scale(**apart)
    save_chart(whole, IMAGES / f"{name}.svg", WIDTH, height, LOOK)


def beside(
    curves: Sequence[Row],
    points: Sequence[Row],
    x: Any,
    up: str,
    styles: Mapping[str, tuple[str, list[int]]],
    title: str | None = None,
    legend: str | None = None,
    y: Any = None,
) -> Any:
    """Theory as curves, measurement as points with bars: rows of x, y, of, and low and high."""
    y = y or alt.Scale(zero=False)
    channels = told_apart(styles, title=legend)
    up_axis = alt.Y("y:Q", title=up, scale=y)
    line = alt.Chart(data(curves)).mark_line(strokeWidth=2).encode(x=x, y=up_axis, **channels)
    at = alt.Chart(data(points)).encode(x=x, color=channels["color"])
    dots = at.mark_circle(size=60, opacity=1).encode(y=up_axis)
    bars = at.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", scale=y), y2="high:Q")
    chart = line + bars + dots
    return chart if title is None else chart.properties(title=title)


def point(x: float, y: float, error: float, of: str) -> dict[str, Any]:
    """With a bar of two standard errors to either side."""
    return {
        "x": x,
        "y": y,
        "of": of,
        "low": max(y - 2 * error, y / 100 if y > 0 else -np.inf),
        "high": y + 2 * error,
    }


def _gated(
    number: str, theory: Callable[[str, float, float], float], up: str, y: Any = None
) -> list[Any]:
    runs, panels = stored("gates")["runs"], []
    for cell in ("lstm", "gru"):
        some = [run for run in runs if run["cell"] == cell]
        biases = sorted({run["bias"] for run in some})
        styles = {
            f"bias {bias:g}": (colour, dash)
            for bias, colour, dash in zip(biases, COLOURS, (SOLID, DASHED, DOTTED), strict=True)
        }
        curves = [
            {"x": float(gain), "y": theory(cell, float(gain), bias), "of": f"bias {bias:g}"}
            for bias in biases
            for gain in np.linspace(0.25, 5, 39)
        ]
        points = [point(run["gain"], run[number], run[f"{number}_stderr"], f"bias {run['bias']:g}") for run in some]  # fmt: skip
        x = alt.X(
            "x:Q",
            title="gain of W_R" if cell == "gru" else None,
            scale=alt.Scale(domain=[0, 5.15], nice=False),
        )
        panels.append(beside(curves, points, x, up, styles, title=cell.upper(), y=y))
    return panels


def gates() -> None:
    """λ₁ of LSTM and GRU by gain and bias: mean field, and measured."""
    picture("gates", _gated("lyapunov", lambda c, g, b: gated_mean_field(c, g, 1.0, b).rate, "λ₁ (ln per step)"), 130)  # fmt: skip


def isometry() -> None:
    """The spread of a step's squared singular values, of the same networks."""
    picture("isometry", _gated("isometry", lambda c, g, b: gated_isometry(c, g, 1.0, b), "spread of the squares", LOG), 130)  # fmt: skip


def curse() -> None:
    """E[h²] and E[(∂h/∂λ)²] by 1 / (1 - λ): the formulas of Zucchet & Orvieto 2024, and measured."""
    runs = stored("curse")["runs"]
    names = {"state": "E[h²]", "slope": "E[(∂h/∂λ)²]"}
    grid = 1 - 1 / np.geomspace(1, 120, 60)
    formulas = {"state": 1 / (1 - grid**2), "slope": (1 + grid**2) / (1 - grid**2) ** 3}
    curves = [
        {"x": float(1 / (1 - λ)), "y": float(v), "of": names[key]}
        for key, values in formulas.items()
        for λ, v in zip(grid, values, strict=True)
    ]
    points = [
        point(1 / (1 - run["weight"]), run[key], run[f"{key}_stderr"], name)
        for key, name in names.items()
        for run in runs
    ]
    x = alt.X("x:Q", title="memory 1 / (1 - λ), steps", scale=LOG)
    styles = {names["slope"]: (ORANGE, SOLID), names["state"]: (BLUE, DASHED)}
    chart = beside(curves, points, x, "mean square", styles, legend="curve: formula; points: measured", y=LOG)  # fmt: skip
    picture("curse", [chart], 80)


def spectrum() -> None:
    """Lyapunov spectra of three sizes, and of products of random matrices."""
    result, panels = stored("spectrum"), []
    sizes = sorted({run["hidden"] for run in result["runs"]})
    gains = sorted({run["gain"] for run in result["runs"]})
    for gain in gains:
        curve = [
            {"x": float(x), "y": of_matrices(gain, float(x)), "of": "random matrices"}
            for x in np.linspace(0, 0.95, 58)
        ]
        points = [
            {"x": part, "y": value, "of": f"{run['hidden']} units"}
            for run in result["runs"] if run["gain"] == gain
            for part, value in zip(result["parts"], run["at"], strict=True)
        ]  # fmt: skip
        x = alt.X(
            "x:Q",
            title="number of the exponent / units" if gain == gains[-1] else None,
            scale=alt.Scale(domain=[-0.02, 1], nice=False),
        )
        y = alt.Y("y:Q", title="exponent (ln per step)")
        names = [f"{size} units" for size in sizes]
        marks = alt.Chart(data(points)).mark_point(
            filled=False, size=70, strokeWidth=1.6, opacity=1
        )
        legend = (
            alt.Legend(orient="top", title="curve: random matrices") if gain == gains[0] else None
        )
        told = alt.Scale(domain=names, range=list(COLOURS))
        shapes = alt.Scale(domain=names, range=["circle", "square", "triangle-up"])
        panels.append(
            (
                alt.Chart(data(curve)).mark_line(strokeWidth=2, color=GREY).encode(x=x, y=y)
                + marks.encode(
                    x=x, y=y, color=alt.Color("of:N", scale=told, legend=legend),
                    shape=alt.Shape("of:N", scale=shapes, legend=legend),
                )
            ).properties(title=f"gain {gain:g}")
        )  # fmt: skip
    picture("spectrum", panels, 170)


def pascanu() -> None:
    """Temporal order: success by length, and one network on longer sequences, beside what Pascanu et al. 2013 say of theirs."""
    result = stored("pascanu")
    methods = tuple(dict.fromkeys(run["method"] for run in result["runs"]))
    rows = []
    for method in methods:
        for T in sorted({run["length"] for run in result["runs"]}):
            some = [run for run in result["runs"] if (run["method"], run["length"]) == (method, T)]
            solved = sum(run["solved"] for run in some)
            rows.append({"T": f"T = {T}", "of": method, "y": solved / len(some), "said": f"{solved} of {len(some)}"})  # fmt: skip
    at = alt.Chart(data(rows)).encode(
        x=alt.X("T:N", title=None, sort=None, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("of:N", sort=list(methods)),
        y=alt.Y("y:Q", title="part that solved it", scale=alt.Scale(domain=[0, 1.1]), axis=alt.Axis(values=[0, 0.5, 1])),
    )  # fmt: skip
    told = alt.Scale(domain=list(methods), range=list(COLOURS))
    bars = at.mark_bar().encode(color=alt.Color("of:N", scale=told, sort=list(methods), legend=alt.Legend(orient="top", title=None)))  # fmt: skip
    words = at.mark_text(dy=-7).encode(text="said:N")
    ours = {100_000: (BLUE, DASHED), 150_000: (ORANGE, SOLID), 170_000: (GREEN, DOTTED)}
    styles = {f"{n:,} updates": style for n, style in ours.items()} | {"the paper's network": (GREY, [8, 2, 2, 2])}  # fmt: skip
    rows = [
        {"x": int(T), "y": accuracy, "of": f"{run['updates']:,} updates"}
        for run in result["long"] if run["updates"] in ours
        for T, accuracy in run["by_length"].items()
    ]  # fmt: skip
    rows += [{"x": T, "y": 1.0, "of": "the paper's network"} for T in PAPER_LENGTHS]
    across = alt.X("x:Q", title="steps of the sequences", scale=alt.Scale(type="log", nice=False), axis=alt.Axis(values=[50, 100, 200, 500, 1000, 2000, 5000]))  # fmt: skip
    y = alt.Y("y:Q", title="part that is right", scale=alt.Scale(domain=[0, 1]))
    curves = alt.Chart(data(rows)).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=28, filled=True)).encode(x=across, y=y, **told_apart(styles, columns=2))  # fmt: skip
    picture("pascanu", [bars + words, curves], 150)


def windows() -> None:
    """Copy and temporal order by window: what is right over the updates, and the windows that are chosen."""
    runs, panels = stored("windows")["runs"], []
    x = alt.X("x:Q", title="updates", scale=alt.Scale(nice=False))
    for task, lag in LAGS.items():
        curves: dict[str, list[Any]] = {}
        for run in runs:
            if run["name"] == task:
                fixed = f"K = {run['K']}"
                name = fixed if run["bias"] is None else f"K for δ = {run['bias']:g}"
                curves.setdefault(name, []).append(run["points"])
        styles = {
            name: (colour, DASHED if "δ" in name else SOLID)
            for name, colour in zip(curves, MANY[-len(curves) :], strict=True)
        }
        score = _medians(curves, "score", "part that is right", styles, x)
        chosen = {name: each for name, each in curves.items() if "δ" in name}
        window = _medians(chosen, "K", "K that is chosen", {n: styles[n] for n in chosen}, x)
        rule = alt.Chart(data([{"y": lag}])).mark_rule(color=GREY, strokeWidth=2)
        panels += [score.properties(title=task), window + rule.encode(y="y:Q")]
    picture("windows", panels, 240)


def _medians(
    curves: Mapping[str, Sequence[Any]],
    what: str,
    up: str,
    styles: Mapping[str, tuple[str, list[int]]],
    x: Any,
) -> Any:
    """The median of each group of runs, over the updates."""
    rows = [
        {"x": at[0]["updates"], "y": float(np.median([point[what] for point in at])), "of": name}
        for name, several in curves.items()
        for at in zip(*several, strict=True)
    ]
    chart = alt.Chart(data(rows)).mark_line(strokeWidth=2)
    return chart.encode(x=x, y=alt.Y("y:Q", title=up), **told_apart(styles))


MANY = (GREY, "#56B4E9", GREEN, "#000000", ORANGE, PURPLE, BLUE)
LAGS = {"copy": LAG, "temporal order": order2(LENGTH).needed_lag}

# No sequence of 10,000 is misclassified at each (Pascanu, Mikolov & Bengio 2013, section 4.1.1).
PAPER_LENGTHS = (50, 100, 150, 200, 250, 500, 1000, 2000, 3000, 5000)

PICTURES: dict[str, Callable[[], None]] = {
    "gates": gates,
    "isometry": isometry,
    "curse": curse,
    "spectrum": spectrum,
    "pascanu": pascanu,
    "windows": windows,
}
