"""The file of a sweep: what it keeps, what it refuses, what comes out of it."""

import csv
import math
import subprocess
import sys

import pytest

pytest.importorskip("pyarrow")
import pyarrow.parquet

import bptt
from bptt import sweeps
from bptt.configuration import Configuration
from bptt.errors import FileError, OptionError
from bptt.sweeps.point.rows import COLUMNS
from bptt.sweeps.store.store import Store
from tests.sweeps.files import changed

SMALL = Configuration(hidden=8, length=24)
# One of them cannot be measured; without inputs a loss after 24 steps at gain 0 leaves log 0.
AXES = {"gain": [0, 0.5, 1e300], "seed": [0, 1]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "sweep.sqlite"
    found = bptt.sweep(AXES, base=SMALL, out=path, engine="threads", workers=1)
    return path, found


def test_rows_come_back_as_they_were(made):
    path, found = made
    assert sweeps.open(path).rows() == found.rows()
    assert [(r["gain"], r["seed"]) for r in found.rows()] == [
        (0.0, 0), (0.0, 1), (0.5, 0), (0.5, 1), (1e300, 0), (1e300, 1),
    ]  # fmt: skip
    assert list(found.rows()[0]) == list(COLUMNS)
    assert found.varied == ("gain", "seed")
    assert found.failed == 2
    assert found.rows()[0]["log10_attenuation"] == -math.inf
    assert sum(found.verdicts.values()) == 4
    assert [p.name for p in path.parent.iterdir()] == ["sweep.sqlite"]  # no lock, no journal


def test_without_a_file_the_rows_are_the_same(made):
    kept = bptt.sweep(AXES, base=SMALL, engine="threads", workers=1)
    assert [r | {"seconds": 0} for r in kept.rows()] == [r | {"seconds": 0} for r in made[1].rows()]


def test_nothing_is_measured_twice(path):
    before = path.read_bytes()
    seen = []
    again = bptt.sweep(AXES, base=SMALL, out=path, engine="threads", progress=seen.append)
    assert path.read_bytes() == before
    assert [(s.done, s.points, s.computed, s.failed) for s in seen] == [(6, 6, 0, 2)]
    more = AXES | {"gain": [0.5, 0.7]}
    found = bptt.sweep(more, base=SMALL, out=path, engine="threads", progress=seen.append)
    assert seen[-1].computed == 2
    assert found.rows()[:2] == again.rows()[2:4]  # their seconds too
    assert len(sweeps.open(path)) == 8


def test_failed_points_are_measured_again_if_asked(path):
    seen = []
    options = {"base": SMALL, "out": path, "engine": "threads", "progress": seen.append}
    before = {row["seconds"] for row in sweeps.open(path).rows() if row["status"] == "failed"}
    found = bptt.sweep(AXES, retry_failed=True, **options)
    assert seen[-1].computed == 2
    after = {row["seconds"] for row in found.rows() if row["status"] == "failed"}
    assert len(after) == 2
    assert not before & after
    assert len(sweeps.open(path)) == 6


def test_another_version_is_left_alone(path):
    before = changed(path, "UPDATE points SET version = '0.0.9'").read_bytes()
    with pytest.raises(FileError, match=r"rows of bptt 0\.0\.9.*can still be read") as error:
        bptt.sweep(AXES, base=SMALL, out=path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    assert len(sweeps.open(path)) == 6


def test_another_schema_is_left_alone(path):
    before = changed(path, "PRAGMA user_version = 1").read_bytes()
    for use in (lambda: sweeps.open(path), lambda: bptt.sweep(AXES, out=path)):
        with pytest.raises(FileError, match=r"kept in schema 3.*, got schema 1"):
            use()
    assert path.read_bytes() == before


def test_other_files_are_left_alone(tmp_path):
    text, base = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("not a database, but long enough to look at " * 50)
    changed(base, "CREATE TABLE mine (a)")
    for path, said in ((text, "not a database"), (base, "another SQLite database")):
        before = path.read_bytes()
        for use in (lambda p=path: sweeps.open(p), lambda p=path: bptt.sweep(AXES, out=p)):
            with pytest.raises(FileError, match=said):
                use()
        assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["no/folder.sqlite", "."])
def test_places_that_cannot_be_written(tmp_path, name):
    with pytest.raises(FileError, match="a place to write to"):
        bptt.sweep(AXES, out=tmp_path / name)


def test_no_file_to_read(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        sweeps.open(tmp_path / "none.sqlite")
    assert not list(tmp_path.iterdir())


def test_what_cannot_begin_leaves_no_file(tmp_path):
    with pytest.raises(OptionError, match="address"):
        bptt.sweep(AXES, out=tmp_path / "a.sqlite", engine="dask", address="tcp://127.0.0.1:9")
    assert not list(tmp_path.iterdir())


def test_one_writer_and_many_readers(path):
    with Store(path, write=True) as store:
        with pytest.raises(FileError, match="in use"):
            Store(path, write=True)
        assert len(sweeps.open(path)) == 6
        row = store.rows().dicts()[0]
        store.add([row | {"key": "another"}])
        assert len(sweeps.open(path)) == 7
    with Store(path, write=True):  # free again
        pass


def test_the_lock_has_one_holder_at_a_time(tmp_path):
    """Three processes take it and let it go, forty times each; its file is there only while it is held."""
    code = """
import sys, time
from pathlib import Path
from bptt.errors import FileError
from bptt.sweeps.store import lock
path, taken = Path(sys.argv[1]), 0
while taken < 40:
    try:
        held = lock.acquire(path)
    except FileError:
        continue
    with open(f"{path}.holder", "x"):  # refuses a second one
        time.sleep(0.001)
    Path(f"{path}.holder").unlink()
    lock.release(held)
    taken += 1
"""
    command = [sys.executable, "-c", code, str(tmp_path / "sweep.sqlite")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        _, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
    assert not list(tmp_path.iterdir())


def test_rows_are_written_all_or_none(path):
    with Store(path, write=True) as store:
        row = store.rows().dicts()[0]
        with pytest.raises(FileError):
            store.add([row | {"key": "a"}, row | {"key": "b", "gain": []}])
        assert len(store.rows()) == 6
        store.add([row | {"key": "a"}])
        assert len(store.rows()) == 7


def test_csv(made, tmp_path):
    with open(made[1].to_csv(tmp_path / "rows.csv"), newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == list(COLUMNS)
    for told, row in zip(found, made[1].rows(), strict=True):
        for name, kind in COLUMNS.items():
            assert (kind(told[name]) if told[name] else None) == row[name]


def test_parquet(made, tmp_path):
    table = pyarrow.parquet.read_table(made[1].to_parquet(tmp_path / "rows.parquet"))
    assert table.to_pylist() == made[1].rows()
    assert {str(table.schema.field(n).type) for n, kind in COLUMNS.items() if kind is float} == {
        "double"
    }


def test_exports_that_cannot_be(made, tmp_path):
    with pytest.raises(OptionError, match=r"\.parquet"):
        made[1].save(tmp_path / "rows.xlsx")
    with pytest.raises(FileError, match="a place to write to"):
        made[1].save(tmp_path / "no" / "rows.csv")


def test_without_the_packages_one_line_says_so(made, tmp_path):
    """None in sys.modules is what a package that is not there looks like to an import."""
    code = f"""
import sys
for name in ("filelock", "pyarrow", "torch"):
    sys.modules[name] = None
import bptt
from bptt import sweeps
for use in (lambda: sweeps.open({str(made[0])!r}).to_parquet({str(tmp_path / "r.parquet")!r}),
            lambda: bptt.sweep({{"gain": "1"}})):
    try:
        use()
    except bptt.errors.BpttError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parquet, filelock = done.stdout.splitlines()
    assert "pip install 'bptt[parquet]'" in parquet
    assert "pip install 'bptt[sweep]'" in filelock


def test_importing_bptt_imports_none_of_it():
    code = (
        "import sys, bptt; assert not {'filelock', 'joblib', 'dask', 'distributed', 'ray', 'pyarrow', 'sqlite3', "
        "'bptt.sweeps'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
