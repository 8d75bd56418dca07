"""A map for print: as wide as asked for, in one font, from Python and from the command."""

import re

import numpy as np
import pytest

import bptt
from bptt.configuration import Configuration
from bptt.errors import OptionError
from bptt.presentation.style import Style
from bptt.sweeps import Sweep
from tests.cli.command import bptt as command

pytest.importorskip("altair")
pdf = pytest.importorskip("pypdfium2")
MM = 25.4 / 72


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "sweep.sqlite"
    base = Configuration(hidden=8, length=24)
    axes = {"gain": "0.5:3:5", "input_variance": [0.1, 0.5, 1], "cell": ["rnn", "gru"]}
    return bptt.sweep(axes, base=base, out=out, engine="threads")


@pytest.mark.parametrize(
    ("width", "fields", "wide"),
    [("one", {"split": ()}, 88), ("two", {}, 180), (None, {}, 180), (120.0, {}, 120)],
)
def test_a_figure_is_as_wide_as_asked_for(swept, tmp_path, width, fields, wide):
    (page,) = pdf.PdfDocument(swept.save(tmp_path / "map.pdf", width=width, **fields))
    assert page.get_size()[0] * MM == pytest.approx(wide, abs=0.5)
    fonts = set(re.findall(rb"/BaseFont\s*/\w+\+([\w-]+)", (tmp_path / "map.pdf").read_bytes()))
    assert len(fonts) == 1, fonts
    assert "λ₁ (ln per step)" in page.get_textpage().get_text_range()


def test_a_style_file_changes_fonts_and_sizes(swept, tmp_path):
    (tmp_path / "style.toml").write_text(
        'font = "DejaVu Serif"\nsize = 10\none_column = 110\nmap = "blue-orange"\n'
    )
    command(
        "sweep", "--out", str(swept.path), "--map", "map.svg", "--colour", "lyapunov", "--split", "cell",
        "--width", "one", "--style", "style.toml", cwd=tmp_path,
    )  # fmt: skip
    svg = (tmp_path / "map.svg").read_text()
    assert float(re.search(r'width="([\d.]+)mm"', svg)[1]) == pytest.approx(110, abs=0.5)
    assert set(re.findall(r'font-family="(.*?)"', svg)) == {"DejaVu Serif, sans-serif"}
    assert set(re.findall(r'font-size="(.*?)"', svg)) == {"10px"}


def test_light_grows_with_the_value_so_that_grey_print_keeps_it():
    from bptt.presentation.paper import CIVIDIS

    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in CIVIDIS]) / 255
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]  # fmt: skip
    assert (np.diff(light) > 0).all()


def test_axes_of_matplotlib_show_the_crossings(swept):
    pytest.importorskip("matplotlib")
    from matplotlib import pyplot

    ax = swept.to_matplotlib(colour="lyapunov")
    (line,) = (each for each in ax.lines if len(each.get_xdata()) > 1)
    plain = [c.at for c in Sweep(swept.rows()).crossings()]
    assert np.allclose(line.get_xdata(), plain)
    pyplot.close(ax.figure)


def test_what_is_wrong_is_one_error(swept, tmp_path):
    for style, words in (
        ({"size": 0}, "size"),
        ({"map": "jet"}, "cividis"),
        ({"font": ""}, "font"),
    ):
        with pytest.raises(OptionError, match=words):
            Style(**style)
    (tmp_path / "style.toml").write_text("colour = 3")
    wrong = command("sweep", "--out", str(swept.path), "--map", "a.pdf", "--style", "style.toml", cwd=tmp_path, code=2)  # fmt: skip
    assert "one of font, size" in wrong.stderr
    wrong = command("sweep", "--out", str(swept.path), "--map", "a.html", "--width", "one", cwd=tmp_path, code=2)  # fmt: skip
    assert "--width: expected none without a figure (.pdf, .svg, .png) in --map" in wrong.stderr.replace(" map,", " --map,")  # fmt: skip
    wrong = command("diagnose", "--figure", "lag.pdf", cwd=tmp_path, code=2)
    assert "a file named by its chart: by_lag" in wrong.stderr
