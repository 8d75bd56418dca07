"""A user's own files: what is understood, what is asked for, and what was read in words."""

import io
import pickle
import re
import warnings
import zipfile

import numpy as np
import pytest

from bptt.data import Reading, Series, Text, load
from bptt.errors import BpttError, FileError, OptionError

T, B, I = 7, 12, 3
RNG = np.random.default_rng(3)
X = RNG.normal(size=(T, B, I))
CLASSES = np.arange(B) % 2
STEPS = np.full(B, T) - np.arange(B) % 3


def saved(tmp_path, **arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    return str(tmp_path / "a.npz")


def written(tmp_path, *lines, name="a.csv"):
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    return str(tmp_path / name)


def table(label=lambda s, t: s % 2, sequences=10, steps=4, columns=("ax", "ay")):
    """Lines of a table; the numbers of a column are all different."""
    lines = ["sequence,step," + ",".join(columns) + ",label"]
    for s in range(sequences):
        for t in range(steps):
            numbers = ",".join(str(s + t / 10 + i / 100) for i in range(len(columns)))
            lines.append(f"{s},{t},{numbers},{label(s, t)}")
    return lines


@pytest.mark.parametrize("target", ["y", "Y", "targets", "labels"])
@pytest.mark.parametrize("inputs", ["x", "X", "inputs", "data"])
def test_names_of_arrays_that_are_understood(inputs, target, tmp_path):
    series = Series.load(saved(tmp_path, **{inputs: X, target: CLASSES}), as_stored=True)
    np.testing.assert_array_equal(series.train.x, X)
    np.testing.assert_array_equal(series.train.targets, CLASSES)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("said", [False, True])
@pytest.mark.parametrize("asked", ["per sequence", "column", "per step with lengths"])
def test_the_shapes_tell_which_axis_is_time(batch_first, said, asked, tmp_path):
    turned = (lambda a: a.swapaxes(0, 1)) if batch_first else (lambda a: a)
    arrays = {"x": turned(X)}
    if asked == "per step with lengths":
        arrays |= {"y": turned(X[..., 0]), "lengths": STEPS}
    else:
        arrays |= {"y": CLASSES[:, None] if asked == "column" else CLASSES}
    order = batch_first if said else None
    series = Series.load(saved(tmp_path, **arrays), as_stored=True, batch_first=order)
    lengths = STEPS if "lengths" in arrays else np.full(B, T)
    inside = np.arange(T)[:, None] < lengths
    np.testing.assert_array_equal(series.train.x[inside], X[inside])
    assert (series.loss_at == "every") == (asked == "per step with lengths")
    sentence = f"read as {'batch' if batch_first else 'time'} first, because "
    assert (sentence in series.description) == (not said)
    assert bool(series.assumed) == (not said)


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": X[:, :T], "y": np.arange(T)},  # as many steps as sequences
        {"x": X, "y": X[..., 0]},  # per step: the same either way
    ],
)
def test_where_the_shapes_do_not_tell_it_is_asked(arrays, tmp_path):
    path = saved(tmp_path, **arrays)
    with pytest.raises(OptionError, match=r"batch_first: .*Pass batch_first=True or batch_first=F"):
        Series.load(path)
    first = Series.load(path, as_stored=True, batch_first=True).train.x
    last = Series.load(path, as_stored=True, batch_first=False).train.x
    np.testing.assert_array_equal(first, last.swapaxes(0, 1))


def test_one_number_a_step_needs_no_axis_of_its_own(tmp_path):
    series = Series.load(saved(tmp_path, data=X[..., 0].T, labels=CLASSES), as_stored=True)
    np.testing.assert_array_equal(series.train.x, X[..., :1])


def test_other_names_are_listed_and_can_be_said(tmp_path):
    path = saved(tmp_path, signals=X, fell=CLASSES)
    with pytest.raises(
        FileError, match=r"signals \(7, 12, 3\), fell \(12,\).*inputs=NAME and target=NAME"
    ):
        Series.load(path)
    series = Series.load(path, inputs="signals", target="fell")
    assert series.description.startswith(
        "12 sequences of 7 steps; inputs: signals, 3 numbers a step; target: fell, 2 classes, at the end"
    )


def test_words_and_truths_in_an_array_are_classes(tmp_path):
    words = np.array(["walk", "fall"])[CLASSES]
    series = Series.load(saved(tmp_path, x=X, y=words))
    assert series.classes == ("fall", "walk")
    np.testing.assert_array_equal(series.train.targets, (1 - CLASSES)[: len(series.train.targets)])
    assert "2 classes (fall, walk)" in series.description
    assert Series.load(saved(tmp_path, x=X, y=CLASSES > 0)).classes == ("False", "True")


def test_half_precision_is_read_without_a_warning(tmp_path):
    path = saved(tmp_path, x=X.astype(np.float16), y=CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        series = Series.load(path, as_stored=True)
    np.testing.assert_array_equal(series.train.x, X.astype(np.float16).astype(float))


def test_what_lies_behind_the_end_may_be_anything(tmp_path):
    x = np.where((np.arange(T)[:, None] < STEPS)[..., None], X, np.nan)
    series = Series.load(saved(tmp_path, x=x, y=CLASSES, lengths=STEPS.astype(float)))
    assert np.isfinite(series.train.x).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e300])
def test_a_number_that_cannot_be_computed_with_is_named(wrong, tmp_path):
    x = X.copy()
    x[4, 9, 2] = wrong
    with pytest.raises(FileError, match=r"in sequence 9, step 4, column 2 \(counted from 0\)"):
        load(saved(tmp_path, x=x, y=CLASSES))
    y = X[..., 0].copy()
    y[2, 5] = wrong
    with pytest.raises(FileError, match="in sequence 5, step 2, y "):
        Series.load(saved(tmp_path, x=X, y=y), batch_first=False)


class Planted:
    """Whoever unpickles it is found out."""

    opened = False

    def __reduce__(self):
        return (setattr, (Planted, "opened", True))


def with_objects():
    objects = np.empty(1, object)
    objects[0] = Planted()
    stream = io.BytesIO()
    np.savez(stream, x=X, y=objects)
    return stream.getvalue()


def whole():
    stream = io.BytesIO()
    np.savez(stream, x=X, y=CLASSES)
    return stream.getvalue()


def claiming():
    """A header that claims far more than there is."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("x", "y"):
            part = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                part, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)}
            )
            archive.writestr(f"{name}.npy", part.getvalue())
    return stream.getvalue()


BROKEN = {
    "cut short": whole()[:-300],
    "damaged": whole()[:200] + bytes(8) + whole()[208:],
    "objects": with_objects(),
    "a pickle": pickle.dumps(Planted()),
    "a pickle after NumPy's first bytes": b"\x93NUMPY" + pickle.dumps(Planted()),
    "a text": b"so much depends",
    "empty": b"",
    "a claim": claiming(),
    "no arrays": b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_error_of_ours_and_is_never_unpickled(name, tmp_path):
    (tmp_path / "a.npz").write_bytes(BROKEN[name])
    with pytest.raises(FileError) as caught:
        load(str(tmp_path / "a.npz"))
    assert "pickle=" not in str(caught.value)
    assert "a.npz: expected" in str(caught.value)
    assert not Planted.opened


def test_a_table_says_what_was_read(tmp_path):
    series = Series.load(written(tmp_path, *table(lambda s, t: ["walk", "fall"][s % 2])))
    assert series.description == (
        "10 sequences of 4 steps; inputs: ax, ay; target: label, 2 classes (fall, walk), at the end; "
        "left out, for it only counts: step"
    )
    assert series.assumed == ("a.csv: left out, for it only counts: step.",)
    assert series.classes == ("fall", "walk")
    np.testing.assert_array_equal(series.train.targets, [1, 0, 1, 0, 1, 0, 1, 0])


def test_columns_are_chosen(tmp_path):
    path = written(tmp_path, *table())
    series = Series.load(path, as_stored=True, inputs="ay,step", target="ax", sequence="label")
    assert (series.inputs, series.outputs, series.loss_at) == (2, 1, "every")
    assert len(series.train.lengths) == 2
    assert series.train.x[1, 0].tolist() == [0.11, 1]
    assert series.train.targets[:5, 0, 0].tolist() == [0, 0.1, 0.2, 0.3, 2]


def test_a_table_without_sequences_is_one_sequence(tmp_path):
    lines = [",price,target", *(f"{t},{np.sin(t)},{np.cos(t)}" for t in range(30))]
    series = Series.load(written(tmp_path, *lines))
    assert series.description.startswith(
        "1 sequence of 30 steps; inputs: price; target: target, a "
    )
    assert "no column sequence, so all rows are one sequence" in series.description
    assert "only counts: column 1" in series.description  # as pandas writes its index


def test_a_table_of_a_spreadsheet_in_german(tmp_path):
    lines = [line.replace(",", ";").replace(".", ",") for line in table()]
    ours = Series.load(written(tmp_path, *lines, name="b.csv"))
    np.testing.assert_array_equal(ours.train.x, Series.load(written(tmp_path, *table())).train.x)
    tabs = written(tmp_path, *(line.replace(",", "\t") for line in table()), name="b.tsv")
    np.testing.assert_array_equal(Series.load(tabs).train.x, ours.train.x)


WRONG = {
    "a gap": ((5, "1,0,,1.01,1"), "a number in every cell of ax, got nothing in row 6. Fill it"),
    "a word": ((5, "1,0,n/a,1.01,1"), "in every cell of ax, got 'n/a' in row 6. Correct it"),
    "two gaps": ((slice(5, 7), ["1,0,,1.01,1", "1,1,,1.02,1"]), "in row 6, and as little in 1 more"),
    "no label": ((5, "1,0,1,1.01,"), "a number in every cell of label, got nothing in row 6"),
    "a word as label": ((5, "1,0,1,1.01,fall"), "label, got 'fall' in row 6. Write numbers in all"),
    "no sequence": ((5, ",0,1,1.01,1"), "a value in every cell of sequence, got nothing in row 6"),
    "a short row": ((5, "1,0,1,1.01"), "5 cells in every row, as in the header, got 4 in row 6"),
    "two names": ((0, "sequence,step,ax,ax,label"), "a name of its own for every column, got ax twice"),
    "two labels": ((0, "sequence,step,target,ay,label"), "got target, label. Choose one of them: target"),
    "infinity": ((5, "1,0,inf,1.01,1"), r"infinity in sequence 1, step 0, column ax \(counted from 0"),
    "an id in every row": ((slice(0, None), ["id,ax,label", "a,1,0", "b,2,1"]), "got another id in every row"),
    "no target": ((0, "sequence,step,ax,ay,y"), "got columns sequence, step, ax, ay, y. .*target=NAME"),
    "below 0": ((slice(5, 9), [f"1,{t},1,1,-1" for t in range(4)]), "classes from 0, got class -1"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_table_is_named(name, tmp_path):
    (place, line), words = WRONG[name]
    lines = table()
    lines[place] = line
    with pytest.raises(FileError, match=words):
        load(written(tmp_path, *lines))


SAID = {
    "no such target": ({"target": "fell"}, "target: expected the name of one column of .*, got 'fell'"),
    "no such inputs": ({"inputs": "ax,az"}, "inputs: .*, got 'az'"),
    "its own target": ({"inputs": "ax,label"}, "inputs: expected columns beside the target, label"),
    "none": ({"inputs": " , "}, "inputs: expected at least one name"),
    "axes": ({"batch_first": True}, "batch_first: expected none for .*, which has a row for every"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_is_said_and_does_not_fit_is_refused(name, tmp_path):
    said, words = SAID[name]
    with pytest.raises(OptionError, match=words):
        Series.load(written(tmp_path, *table()), **said)


def test_what_is_said_of_an_array_and_does_not_fit_is_refused(tmp_path):
    path = saved(tmp_path, x=X, y=CLASSES)
    for said, words in (
        ({"inputs": "x,y"}, "inputs: expected the name of one array"),
        ({"sequence": "s"}, "sequence: expected none for"),
        ({"target": "z"}, "target: expected the name of one array of .*: x, y"),
    ):
        with pytest.raises(OptionError, match=words):
            Series.load(path, **said)
    with pytest.raises(FileError, match=r"y \(7,\), one per sequence, or \(12, 7\), one per step"):
        Series.load(saved(tmp_path, x=X.swapaxes(0, 1), y=CLASSES), batch_first=False)
    with pytest.raises(OptionError, match="target: expected none for adding, which is no file"):
        load("adding", reading=Reading(target="y"))


def test_sequences_sorted_by_their_class_are_noticed(tmp_path):
    ordered = Series.load(written(tmp_path, *table(lambda s, t: s // 5)))
    assert "the last 2 sequences, which are held out, are all of 1: shuffle" in ordered.description
    assert "shuffle" not in Series.load(written(tmp_path, *table())).description


@pytest.mark.needs("pandas", "pyarrow", "openpyxl")
@pytest.mark.parametrize("ending", ["parquet", "feather", "xlsx"])
def test_files_that_pandas_reads_are_the_same_table(ending, tmp_path):
    import pandas

    path = written(tmp_path, *table(lambda s, t: ["walk", "fall"][s % 2]))
    frame, other = pandas.read_csv(path), str(tmp_path / f"a.{ending}")

    def write():
        if ending == "feather":
            frame.to_feather(other)
        else:
            getattr(frame, {"xlsx": "to_excel"}.get(ending, f"to_{ending}"))(other, index=False)

    write()
    ours, theirs = Series.load(other), Series.load(path)
    assert ours.description == theirs.description
    np.testing.assert_array_equal(ours.train.x, theirs.train.x)
    frame.loc[7, "ay"] = np.nan
    write()
    with pytest.raises(FileError, match="a number in every cell of ay, got nothing in row 9"):
        Series.load(other)
    (tmp_path / f"a.{ending}").write_bytes(b"something else")
    with pytest.raises(FileError, match=f"a.{ending}: expected a .{ending} file, got something"):
        Series.load(other)


def test_no_other_file_is_taken_for_a_text(tmp_path):
    for name in ("a.json", "a.xls", "a.npy", "a.pkl"):
        (tmp_path / name).write_text("so much depends upon a red wheel barrow " * 40)
        with pytest.raises(FileError, match=re.escape(".npz, .csv, ") + ".*a text"):
            load(str(tmp_path / name))
    for name in ("a.txt", "A.MD", "poem"):
        (tmp_path / name).write_text("so much depends upon a red wheel barrow " * 40)
        assert isinstance(load(str(tmp_path / name)), Text)
    (tmp_path / "poem").write_bytes(b"\xff\xfe" * 900)
    with pytest.raises(BpttError, match="a text in UTF-8"):
        load(str(tmp_path / "poem"))
