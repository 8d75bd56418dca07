"""The page of a sweep in a browser, on the command line, and from a file that a stranger made."""

import json
import re
import shutil

import numpy as np
import pytest

pytest.importorskip("altair")


import bptt
from bptt import sweeps
from bptt.configuration import Configuration
from bptt.errors import FileError, OptionError
from bptt.sweeps import Sweep
from tests.cli.command import bptt as command
from tests.sweeps.files import changed

SMALL = Configuration(init="gaussian", hidden=12, length=30)
AXES = {"gain": [0.5, 1, 2, 3, 1e300], "input_variance": [0.1, 1], "seed": [0, 1]}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "sweep.sqlite"
    bptt.sweep(AXES, base=SMALL, out=path, engine="threads", workers=1)
    return path


@pytest.fixture(scope="module")
def swept(kept):
    return sweeps.open(kept)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_draws_itself_and_asks_nothing(swept, visit, tmp_path, scheme):
    seen = visit(swept.save(tmp_path / "map.html"), scheme)
    assert seen.requests == [(tmp_path / "map.html").as_uri()]
    assert seen.complaints == []
    page = seen.page
    drawn = page.locator("figure .chart svg").count()
    assert drawn == int(page.get_attribute("body", "data-drawn")) >= 3
    assert page.locator("#chart-lyapunov .mark-rect.role-mark path").count() == 8
    painted = page.locator("#chart-lyapunov .mark-rect.role-mark path").first.evaluate(
        "e => getComputedStyle(e).fill"
    )
    red, _, blue = map(int, re.findall(r"\d+", painted)[:3])
    assert blue > red  # gain 0.5 vanishes
    text = page.inner_text("main")
    assert "20 points over gain (5), input variance (2), seed (2)" in text
    assert "4 points could not be measured" in text
    assert next(row["error"] for row in swept.rows() if row["error"]) in text
    assert "Each value is a mean over seed." in text
    assert re.search(
        r"λ₁ = 0 at gain \d\.\d+( ± \d\.\d+)? for input variance 1; mean field says 1\.856", text
    )


def test_the_table_has_the_means(swept, visit, tmp_path):
    page = visit(swept.save(tmp_path / "map.html")).page
    page.locator("figure details").first.evaluate("e => e.open = true")
    cells = (
        page.locator("figure table")
        .first.locator("tbody tr")
        .first.locator("th, td")
        .all_inner_texts()
    )
    both = [r["lyapunov"] for r in swept.rows() if (r["gain"], r["input_variance"]) == (0.5, 0.1)]
    assert float(cells[1]) == pytest.approx(np.mean(both), rel=5e-3)
    assert cells[-1] == "×"


def test_hostile_words_stay_words(swept, visit, tmp_path):
    bad = '</script><img src=x onerror="document.title=1">'
    rows = [row | {"cell": bad, "error": bad if row["error"] else None} for row in swept.rows()]
    rows += [row | {"cell": "rnn"} for row in rows]
    seen = visit(Sweep(rows).save(tmp_path / "map.html"))
    assert seen.complaints == []
    assert len(seen.requests) == 1
    assert seen.page.locator("img").count() == 0


@pytest.mark.long
def test_ten_thousand_points_stay_small(swept, visit, tmp_path):
    row = swept.rows()[0]
    rng = np.random.default_rng(0)
    names = ("lyapunov", "log10_attenuation", "memory", "loss")
    rows = [
        row
        | {"gain": 0.5 + i / 40, "input_variance": j / 50, "horizon": i + j, "solved": 1}
        | dict(zip(names, rng.normal(size=4).tolist(), strict=True))
        for i in range(100)
        for j in range(100)
    ]
    path = Sweep(rows).save(tmp_path / "large.html")
    assert path.stat().st_size < 2_000_000
    assert visit(path).page.locator("#chart-lyapunov .mark-rect.role-mark path").count() == 10_000


def test_one_point_has_no_map(visit, tmp_path):
    one = bptt.sweep({"gain": 1}, base=SMALL, engine="threads", workers=1)
    seen = visit(one.save(tmp_path / "one.html"))
    assert "Nothing to draw: nothing was varied." in seen.page.inner_text("main")
    assert seen.complaints == []


def test_notebook_and_terminal(swept):
    assert swept._repr_html_().startswith("<iframe")
    text = str(swept)
    for verdict, count in swept.verdicts.items():
        assert re.search(rf"{verdict} +{count}\b", text)
    assert "failed: " in text
    assert "λ₁ = 0 at gain" in text


def test_json_is_what_the_rows_are(swept, tmp_path):
    found = json.loads(swept.save(tmp_path / "rows.json").read_text())
    assert [row["gain"] for row in found] == [row["gain"] for row in swept.rows()]


def test_a_file_is_drawn_without_measuring(kept, tmp_path):
    before = kept.read_bytes()
    done = command(
        "sweep", "--out", str(kept), "--map", "m.html", "--colour", "horizon", cwd=tmp_path
    )
    assert "sweep" not in done.stderr  # no bar
    assert kept.read_bytes() == before
    assert 'id="chart-horizon"' in (tmp_path / "m.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--map", "m.gif"), "--map: expected a name ending in .html, .pdf, .svg, .png"),
        (("--map", "m.html", "--colour", "beauty"), "--colour: expected one of"),
        (("--x", "gain"), "--x: expected none without --map"),
        (("--map", "m.html", "--x", "beauty", "--gain", "1:2:3"), "--x: expected one of cell"),
        (("--map", "m.html"), "no such file"),
    ],
)
def test_bad_options_are_one_line(tmp_path, arguments, said):
    done = command("sweep", *arguments, cwd=tmp_path, code=2)
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_names_that_end_otherwise(swept, tmp_path):
    with pytest.raises(OptionError, match=r"\.html"):
        swept.save(tmp_path / "map.gif")


# A stranger's file.


def spoilt(kept, tmp_path, *statements):
    return changed(shutil.copy(kept, tmp_path / "stranger.sqlite"), *statements)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("CREATE TRIGGER t AFTER INSERT ON points BEGIN DELETE FROM points; END",), "trigger t"),
        (("CREATE VIEW v AS SELECT 1",), "view v"),
        (
            ("ALTER TABLE points RENAME TO p", "CREATE VIEW points AS WITH RECURSIVE r(n) AS "
             "(SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT p.* FROM p, r"), "view points",
        ),
        (("CREATE TABLE other (a)",), "table other"),
        (("ALTER TABLE points ADD COLUMN more TEXT",), "the tables of a sweep"),
        (("UPDATE points SET gain = 'much'",), "float in gain, got str"),
        (("UPDATE points SET error = x'00'",), "str in error, got bytes"),
        (("UPDATE points SET verdict = 'fine'",), "verdict one of"),
        (("UPDATE points SET hidden = NULL",), "a value in hidden"),
        (("UPDATE points SET error = hex(zeroblob(50000))",), "20,000 characters"),
        (("UPDATE points SET error = hex(zeroblob(5000000))",), "too big"),
        (("PRAGMA application_id = 7",), "another SQLite database"),
    ],
)  # fmt: skip
def test_a_file_that_is_more_than_rows(kept, tmp_path, statements, said):
    path = spoilt(kept, tmp_path, *statements)
    before = path.read_bytes()
    for use in (lambda: sweeps.open(path), lambda: sweeps.read_bytes(before)):
        with pytest.raises(FileError, match=said):
            use()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["stranger.sqlite"]


def test_damaged_files_are_refused_or_read_whole(kept, tmp_path):
    """Bytes overwritten at random: an error of ours, or rows that pass every check; never another error."""
    content, rng = bytearray(kept.read_bytes()), np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        spoilt = content.copy()
        for at in rng.integers(len(content), size=40):
            spoilt[at] = rng.integers(256)
        try:
            sweeps.read_bytes(bytes(spoilt[: rng.integers(1, len(content) + 1)]))
        except FileError:
            refused += 1
    assert refused > 30
    for short in (b"", b"x", content[:50], content[: len(content) // 2]):
        with pytest.raises(FileError):
            sweeps.read_bytes(bytes(short))


def test_an_upload_is_the_file(kept, swept):
    assert sweeps.read_bytes(kept.read_bytes()).rows() == swept.rows()


def test_a_file_that_may_not_be_written_is_read(kept, swept, tmp_path):
    path = spoilt(kept, tmp_path)
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert sweeps.open(path).rows() == swept.rows()
    finally:
        tmp_path.chmod(0o755)
