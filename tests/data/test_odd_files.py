"""Files as people have them: each is read right, or refused in one clear line.

All that are read hold the same table, ``rows``, in another form.
"""

import os

import numpy as np
import pytest

from bptt.data import Reading, Series, load
from bptt.errors import BpttError, FileError

B, LENGTHS = 12, [5, 6, 7] * 4
KEYS = [f"s{b:02d}" for b in range(B)]


def number(b, t, i):
    return round(b + t / 10 if i == 0 else b / 2 - t / 8, 4)


def rows(header="sequence,step,ax,ay,label", label=lambda b, t: str(b % 2), step=lambda b, t: t):
    """A list of cells a row."""
    yield header.split(",")
    for b in range(B):
        for t in range(LENGTHS[b]):
            yield [KEYS[b], str(step(b, t)), *(str(number(b, t, i)) for i in (0, 1)), label(b, t)]


def text(cells, separator=",", newline="\n"):
    return "".join(separator.join(row) + newline for row in cells)


def changed(place, cell, value):
    """The table with one cell changed."""
    table = list(rows())
    table[place][cell] = value
    return text(table)


def shuffled(order):
    head, *body = rows()
    return text([head, *(body[place] for place in order)])


def dates(b, t):
    return f"2026-01-{t + 1:02d} 10:00"


MANY = sum(LENGTHS)
SORTED = "rows put in the order of step; left out, for it only counts: step"
COUNTS = "left out, for it only counts: step"
READ = {
    "as it should be": (text(rows()), COUNTS),
    "semicolons": (text(rows(), ";"), COUNTS),
    "tabs": (text(rows(), "\t"), COUNTS),
    "semicolons, decimal commas": (text(rows(), ";").replace(".", ","), "a comma is the sign before decimals"),
    "tabs, decimal commas": (text(rows(), "\t").replace(".", ","), "a comma is the sign before decimals"),
    "a mark of UTF-8": ("\ufeff" + text(rows()), COUNTS),
    "UTF-16": (text(rows(), "\t").encode("utf-16"), COUNTS),
    "rows end as on Windows": (text(rows(), newline="\r\n"), COUNTS),
    "rows end as on an old Mac": (text(rows(), newline="\r"), COUNTS),
    "quoted": (text([f'"{cell}"' for cell in row] for row in rows()), COUNTS),
    "a comma at the end of every row": (text(rows(), newline=",\n"), COUNTS),
    "commas at the end of some rows": (changed(4, 4, "0,,"), COUNTS),
    "empty rows between": (text(rows(), newline="\n\n"), COUNTS),
    "rows in any order": (shuffled(np.random.default_rng(0).permutation(MANY)), SORTED),
    "two rows exchanged": (shuffled([0, 2, 1, *range(3, MANY)]), SORTED),
    "a counter from 5": (text(rows(step=lambda b, t: t + 5)), COUNTS),
    "a counter by twos": (text(rows(step=lambda b, t: 2 * t)), COUNTS),
    "a clock in seconds": (text(rows("sequence,time,ax,ay,label", step=lambda b, t: f"{t / 50:.2f}")), "counts: time"),
    "dates": (text(rows("sequence,date,ax,ay,label", step=dates)), "left out, for it only counts: date"),
    "dates that are uneven": (
        text(rows("sequence,date,ax,ay,label", step=lambda b, t: f"2026-01-{(t + 1) ** 2 % 30:02d}T10:00:00+01:00" if t < 5 else f"2026-02-{t:02d}T00:00:00+01:00")),
        "left out, for it holds dates: date",
    ),
}  # fmt: skip


def saved(folder, content, name="a.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_the_table(name, tmp_path):
    content, words = READ[name]
    series = Series.load(saved(tmp_path, content), as_stored=True)
    assert series.description.startswith(
        "12 sequences of 5 to 7 steps; inputs: ax, ay; target: label, 2 classes, at the end; "
    )
    assert words in series.description
    keys = list(dict.fromkeys(line.split(",")[0] for line in text(rows()).split("\n")[1:-1]))
    if name == "rows in any order":  # then sequences stand in the order in which they first come
        keys = list(dict.fromkeys(line.split(",")[0] for line in content.split("\n")[1:-1]))
    for place, key in enumerate(keys):
        b = KEYS.index(key)
        x = [[number(b, t, i) for i in (0, 1)] for t in range(LENGTHS[b])]
        np.testing.assert_allclose(series.train.x[: LENGTHS[b], place], x, rtol=1e-15)
        assert series.train.targets[place] == b % 2
        assert series.train.lengths[place] == LENGTHS[b]


def test_a_temperature_called_t_orders_nothing(tmp_path):
    heat = iter(np.random.default_rng(0).normal(size=MANY))
    path = saved(tmp_path, text(rows("sequence,t,ax,ay,label", step=lambda b, t: next(heat))))
    series = Series.load(path, as_stored=True)
    assert "inputs: t, ax, ay" in series.description
    assert "order" not in series.description
    assert series.train.x[2, 3, 1] == number(3, 2, 0)


LABELS = {
    "codes": (lambda b, t: f"{b % 3 + 1:02d}", "3 classes (01, 02, 03), at the end"),
    "numbers from 1": (lambda b, t: str(b % 3 + 1), "4 classes, of which 0 never occurs, at the end"),
    "numbers with a gap": (lambda b, t: str(b % 2 * 3), "4 classes, of which 1, 2 never occur, at the end"),
    "whole numbers with decimals": (lambda b, t: f"{b % 2}.0", "2 classes, at the end"),
    "words with numbers": (lambda b, t: f"class {b % 2}", "2 classes (class 0, class 1), at the end"),
    "truths": (lambda b, t: str(b % 2 == 0), "2 classes (False, True), at the end"),
    "numbers": (lambda b, t: str(b / 8), "label, a number, at the end"),
    "at every step": (lambda b, t: str(t % 2), "2 classes, at every step"),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_what_labels_are(name, tmp_path):
    label, words = LABELS[name]
    assert words in Series.load(saved(tmp_path, text(rows(label=label)))).description


REFUSED = {
    "decimal commas between commas": (
        text([f'"{cell}"' for cell in row] for row in rows()).replace(".", ","),
        "in every cell of ax, got '0,0' in row 2, and as little in 71 more. Write numbers with a point before",
    ),
    "thousands": (changed(3, 2, '"1,234.5"'), "got '1,234.5' in row 4. Write numbers with a point before"),
    "a trailing cell is missing": (changed(3, 4, "").replace(",\n", "\n"), "5 cells in every row, as in the header, got 4 in row 4"),
    "a cell too many": (changed(3, 4, "0,9"), "5 cells in every row, as in the header, got 6 in row 4"),
    "no header": (text(list(rows())[1:]), "expected a header, a name for every column, as the first row, got numbers there: 0, 0.0"),
    "no header, no name twice": ("s,0,1.5,2.5\n" * 9, "columns s, 0, 1.5, 2.5. .* Or write a header as the first row"),
    "one column": ("value\n1\n2\n", "a column target or label, or the name of another, got columns value"),
    "a header alone": ("sequence,step,ax,label\n", "a header and at least one row, got 1 row"),
    "nothing": ("", "a header and at least one row, got 0 rows"),
    "blanks": (" \n\n  \n", "a header and at least one row, got 0 rows"),
    "Latin 1": (text(rows(label=lambda b, t: "für")).encode("latin-1"), "a table in UTF-8, got bytes in row 2 that are not"),
    "words among numbers": (changed(3, 4, "none"), "label, got 'none' in row 4. Write numbers in all of its cells, or words"),
    "a column of words": (text([*row, "note" if not n else "ok"] for n, row in enumerate(rows())), "in every cell of note, got 'ok'"),
    "a quote that is not closed": (changed(3, 0, '"s00'), "cells in every row"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_one_line(name, tmp_path):
    content, words = REFUSED[name]
    with pytest.raises(FileError, match=words) as caught:
        load(saved(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_no_file_at_all(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, words in {
        "folder.csv": "expected a .csv file, got a directory",
        "pipe.csv": "expected a .csv file, got a pipe or a device",  # which nobody writes to
        "none.csv": "expected a .csv file, got no such file or directory",
        "none.npz": "expected a .npz file, got no such file or directory",
    }.items():
        with pytest.raises(FileError, match=words):
            load(str(tmp_path / name))


X = np.random.default_rng(0).normal(size=(7, B, 3))
Y = np.arange(B) % 2
ARRAYS = {
    "half precision": {"x": X.astype(np.float16)},
    "big-endian": {"x": X.astype(">f8"), "y": Y.astype(">i4")},
    "columns first": {"x": np.asfortranarray(X)},
    "long": {"x": X.astype(np.longdouble)},
    "bytes": {"y": np.array([b"0", b"1"])[Y]},
}
NO_ARRAYS = {
    "objects": ({"x": np.array([[1, 2], [3]], object)}, "numbers in x, got objects of Python's, which are never unpickled"),
    "a number": ({"x": np.float64(3)}, r"\(B, T, I\) in x, got float64 \(\)"),
    "one target": ({"y": np.int64(1)}, r"one per step, for x \(7, 12, 3\), got \(\)"),
    "complex": ({"x": X.astype(complex)}, "numbers in x, got complex128"),
    "four axes": ({"x": X[..., None]}, r"in x, got float64 \(7, 12, 3, 1\)"),
    "nothing": ({"x": X[:, :0], "y": Y[:0]}, r"in x, got float64 \(7, 0, 3\)"),
    "one-hot": ({"y": np.eye(2)[Y]}, r"got \(12, 2\).*y.argmax\(-1\)"),
    "dates": ({"y": np.array(["2026-01-01"] * B, "M8[D]")}, r"numbers in y, got datetime64\[D\]"),
    "records": ({"x": np.zeros((7, B), [("a", "f4")])}, "numbers in x, got"),
    "no steps": ({"lengths": np.zeros(B, int)}, "lengths that are whole numbers from 1 to 7, got int64, 0 to 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_in_memory_of_any_kind(name, tmp_path):
    np.savez(tmp_path / "a.npz", **({"x": X, "y": Y} | ARRAYS[name]))
    train = Series.load(str(tmp_path / "a.npz"), as_stored=True).train
    np.testing.assert_allclose(train.x, X, rtol=1e-3 if name == "half precision" else 1e-15)
    np.testing.assert_array_equal(train.targets, Y)


@pytest.mark.parametrize("name", NO_ARRAYS)
def test_arrays_that_are_no_sequences_are_one_line(name, tmp_path):
    arrays, words = NO_ARRAYS[name]
    np.savez(tmp_path / "a.npz", **({"x": X, "y": Y} | arrays))
    with pytest.raises(BpttError, match=words) as caught:
        load(str(tmp_path / "a.npz"))
    assert "\n" not in str(caught.value)


@pytest.mark.needs("pandas", "pyarrow", "openpyxl")
def test_files_of_pandas(tmp_path):
    import pandas

    frame = pandas.read_csv(saved(tmp_path, text(rows())))
    wanted = Series.load(str(tmp_path / "a.csv"), as_stored=True).train.x

    def check(name, words):
        series = Series.load(str(tmp_path / name), as_stored=True)
        np.testing.assert_array_equal(series.train.x, wanted)
        assert words in series.description

    with pandas.ExcelWriter(tmp_path / "two.xlsx") as file:
        frame.to_excel(file, sheet_name="data", index=False)
        frame.head(1).to_excel(file, sheet_name="notes")
    check("two.xlsx", "the first of 2 sheets, data")
    with pandas.ExcelWriter(tmp_path / "other.xlsx") as file:
        pandas.DataFrame({"made": ["by me"]}).to_excel(file, sheet_name="notes")
        frame.to_excel(file, sheet_name="data")
    with pytest.raises(FileError, match=r"other.xlsx \(the first of 2 sheets, notes\): expected a"):
        Series.load(str(tmp_path / "other.xlsx"))
    frame.set_index(["sequence", "step"]).to_parquet(tmp_path / "index.parquet")
    check("index.parquet", COUNTS)
    dated = frame.assign(when=pandas.date_range("2026-01-01", periods=len(frame)))
    dated.to_parquet(tmp_path / "dates.parquet")
    check("dates.parquet", "left out, for it holds dates: when")
    frame.astype({"label": "Int64"}).to_parquet(tmp_path / "whole.parquet")
    check("whole.parquet", COUNTS)
    frame.loc[4, "ax"] = None
    frame.to_parquet(tmp_path / "gap.parquet")
    with pytest.raises(FileError, match="a number in every cell of ax, got nothing in row 6"):
        Series.load(str(tmp_path / "gap.parquet"))
    saved(tmp_path, b"", "empty.parquet")
    with pytest.raises(FileError, match=r"expected a .parquet file, got something else"):
        Series.load(str(tmp_path / "empty.parquet"))


def test_options_that_have_no_effect_are_named(tmp_path):
    path = saved(tmp_path, text(rows()))
    with pytest.raises(BpttError, match=r"batch_first: expected none for .*, which has a row for"):
        load(path, reading=Reading(batch_first=True))
    said = Reading(inputs=("ax",), target="label", batch_first=True)
    with pytest.raises(BpttError, match="inputs, target and batch_first: expected none for adding"):
        load("adding", reading=said)


def test_a_target_too_large_is_named_as_it_stands(tmp_path):
    rows = "".join(f"{b},{b % 3},{(b + 1) * 1e30}\n" for b in range(12) for _ in range(3))
    with pytest.raises(FileError, match=r"got 1e\+30 in sequence 0, target"):
        Series.load(saved(tmp_path, "sequence,x,target\n" + rows), as_stored=True)
