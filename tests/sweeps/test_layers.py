"""Every layer and its curves by lag: as bytes, in the file, in tables, and side by side."""

import re
import zlib

import numpy as np
import pytest

pytest.importorskip("joblib")
pytest.importorskip("threadpoolctl")

import bptt
from bptt import sweeps
from bptt.configuration import Configuration
from bptt.diagnosis import diagnose_network
from bptt.errors import FileError, OptionError
from bptt.gradients.by_lag.lag_table import FIELDS
from bptt.sweeps.point.curves import HEAD, MOST, kept_lags, packed, unpacked
from bptt.sweeps.point.rows import COLUMNS
from bptt.sweeps.store import schema
from bptt.tables import Table
from tests.cli.command import bptt as command
from tests.sweeps.files import changed

SMALL = Configuration(hidden=8, length=24, layers=2)
AXES = {"init": ["orthogonal", "gaussian"], "gain": [0.5, 1], "seed": "0:2"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("layers") / "sweep.sqlite"
    return path, bptt.sweep(AXES, base=SMALL, out=path, engine="threads", workers=1)


def diagnosed(setting):
    """What the row of a setting is of."""
    built = setting.build()
    return diagnose_network(built.network, built.batch, built.needed_lag)


@pytest.mark.parametrize("count", [1, 5, 255, 256, 257, 5000])
def test_bytes_and_back(count):
    rng = np.random.default_rng(count)
    values = {
        "lag": list(range(count)), "log10_norm": -1e3 * rng.random(count), "gain": rng.standard_normal(count),
    }  # fmt: skip
    values["gain"][-1], values["log10_norm"][0] = np.nan, -np.inf
    content = packed(Table(tuple(f for f in FIELDS if f.name in values), values, ("lag",)))
    lags, curves = unpacked("here", content)
    assert len(content) < 15_000
    assert (lags[0], lags[-1], len(lags) <= MOST) == (0, count - 1, True)
    assert np.array_equal(lags, kept_lags(count))
    for name in ("log10_norm", "gain"):
        kept = np.float32(values[name][lags]).astype(float)
        assert np.array_equal(curves[name], kept, equal_nan=True)


def test_bytes_that_nobody_packed():
    good = diagnosed(SMALL).decisive.profile.table()
    content = packed(good)
    bomb = HEAD.pack(200, 3) + zlib.compress(bytes(10**7))
    for bad in (b"", b"\1", content[:-1], HEAD.pack(9, 1) + content[4:], bomb, HEAD.pack(0, 0)):
        with pytest.raises(FileError, match="damaged"):
            unpacked("here", bad)


def test_every_layer_is_there_with_its_numbers(made):
    path, found = made
    whole = sweeps.open(path).table("layers")
    assert len(whole) == 2 * len(found) == 24
    assert whole.axes == ("init", "gain", "seed", "layer")
    rows = {tuple(row[name] for name in whole.axes): row for row in whole.rows()}
    own = diagnosed(Configuration(hidden=8, length=24, layers=2, init="gaussian", gain=0.5, seed=2))
    for name, layer in own.layers.items():
        row = rows["gaussian", 0.5, 2, name]
        assert row["horizon"] == layer.horizon
        assert row["rate"] == layer.rate
        assert row["decides"] == (layer is own.decisive)
        # of float32, and settled on another reading: that it is there, positive, and no isometry
        assert 0 < row["isometry"] < 8


def test_the_curves_are_those_of_the_profile(made):
    _, found = made
    lags = found.where(init="gaussian", gain=0.5, seed=2).table("lags")
    own = diagnosed(Configuration(hidden=8, length=24, layers=2, init="gaussian", gain=0.5, seed=2))
    for name, layer in own.layers.items():
        profile = layer.profile.table()
        rows = [row for row in lags.rows() if row["layer"] == name]
        assert [row["lag"] for row in rows] == profile.values["lag"]
        for curve in ("log10_norm", "share", "gain", "bias_window"):
            mine = np.array([row[curve] for row in rows], float)
            np.testing.assert_allclose(mine, profile.values[curve], rtol=1e-6)
        np.testing.assert_allclose([row["cumulative"] for row in rows], layer.profile.cumulative, rtol=1e-5)  # fmt: skip


def test_an_orthogonal_layer_is_an_isometry_and_a_gaussian_one_is_not():
    found = bptt.sweep(
        {"init": ["orthogonal", "gaussian"], "gain": [0.5, 1.5]},
        base=Configuration(hidden=128, length=24, activation="identity"), engine="threads",
    )  # fmt: skip
    spread = dict(zip(found.table("layers").column("init"), found.table("layers").column("isometry"), strict=True))  # fmt: skip
    assert spread["orthogonal"] < 1e-10
    assert spread["gaussian"] == pytest.approx(1, abs=0.05)  # Marchenko and Pastur's law


def test_a_sweep_is_compared_in_one_call(made):
    _, found = made
    compared = found.where(gain=1).compare("init")
    assert repr(compared) == "Comparison(gaussian: 3, orthogonal: 3; log10_norm, quartiles)"
    curves = [
        diagnosed(Configuration(hidden=8, length=24, layers=2, init="gaussian", seed=seed)).decisive.profile.log10_norm
        for seed in range(3)
    ]  # fmt: skip
    lags, of = compared.spreads()["gaussian"]
    np.testing.assert_allclose(of.middle, np.median(curves, 0)[lags], rtol=1e-6)
    assert set(found.compare().groups) == {
        f"{init}, gain {gain}" for init in ("gaussian", "orthogonal") for gain in ("0.5", "1")
    }


def test_the_command_compares_a_sweep(made, tmp_path):
    figure = tmp_path / "inits.svg"
    words = ("compare", made[0], "--by", "init", "--where", "gain=1", "--out", figure)
    done = command(*map(str, words), cwd=tmp_path)
    assert re.search(r"^gaussian +3 ", done.stdout, re.MULTILINE)
    assert "Band: quartiles" in done.stdout
    assert figure.read_text().startswith("<svg")


def test_what_cannot_be_compared(made, path, tmp_path):
    _, found = made
    for by, said in (("cell", "a field that was varied"), ("init", "gain varied too")):
        with pytest.raises(OptionError, match=said):
            found.compare(by)
    with pytest.raises(OptionError, match=r"one of 0\.5, 1"):
        found.where(gain=2)
    with pytest.raises(OptionError, match="columns: "):
        found.where(gian=2)
    with pytest.raises(OptionError, match=r"one of rnn\.0, rnn\.1"):
        found.where(gain=1).compare("init", layer="rnn.2")
    changed(path, "UPDATE layers SET curves = x'0100'")
    with pytest.raises(FileError, match="curves by lag"):
        sweeps.open(path).where(gain=1).compare("init")
    without = bptt.sweep(
        {"init": ["orthogonal", "gaussian"]}, base=SMALL, out=tmp_path / "s.sqlite", engine="threads", curves=False
    )  # fmt: skip
    with pytest.raises(OptionError, match="Measure them again, with their curves"):
        without.compare("init")
    assert len(without.table("layers")) == 4


def test_a_file_without_layers_is_read_and_not_written(made, path):
    """As schema 2 was."""
    columns = ", ".join(COLUMNS)
    (table,) = schema.TABLES[schema.WITHOUT_LAYERS]
    changed(
        path, "ALTER TABLE points RENAME TO old", "DROP TABLE layers", table,
        f"INSERT INTO points SELECT key, {columns} FROM old ORDER BY id", "DROP TABLE old", "PRAGMA user_version = 2",
    )  # fmt: skip
    before = path.read_bytes()
    old = sweeps.open(path)
    assert old.rows() == made[1].rows()
    with pytest.raises(FileError, match="older bptt"):
        old.compare()
    with pytest.raises(FileError, match="can still be read"):
        bptt.sweep(AXES, base=SMALL, out=path)
    assert path.read_bytes() == before


def test_a_slice_takes_a_part(made):
    _, found = made
    assert len(found.where(gain=slice(0.6, None))) == 6
    assert found.where(seed=[0, 2], init="gaussian").varied == ("gain", "seed")
