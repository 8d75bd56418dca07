"""Axes and plans: which points a sweep has."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest

import bptt
from bptt.configuration import Configuration
from bptt.errors import FileError, OptionError
from bptt.sweeps import Plan, Range, Values, read_plan
from bptt.sweeps.plan.axes import as_axis


def grid(name, given):
    return as_axis(name, given).on_grid()


@pytest.mark.parametrize(
    ("name", "given", "values"),
    [
        ("gain", "0.5:3:26", tuple(round(0.5 + 0.1 * i, 1) for i in range(26))),
        ("gain", "0.5,1,2", (0.5, 1.0, 2.0)),
        ("gain", 1, (1.0,)),
        ("gain", np.array([1, 2], np.int32), (1.0, 2.0)),
        ("gain", [1, 1.0, "1"], (1.0,)),
        ("gain", Values((2, 3)), (2.0, 3.0)),
        ("gain", Range("gain", 0, 1, 3), (0.0, 0.5, 1.0)),
        ("gain", "log:0.01:1:3", (0.01, 0.1, 1.0)),
        ("hidden", "log:8:512:7", (8, 16, 32, 64, 128, 256, 512)),
        ("hidden", "1:3:9", (1, 2, 3)),
        ("seed", "0:4", (0, 1, 2, 3, 4)),
        ("bias", "-1:1:3", (-1.0, 0.0, 1.0)),
        ("input_variance", "none,0.1", (None, 0.1)),
        ("input_variance", None, (None,)),
        ("cell", "rnn, lstm", ("rnn", "lstm")),
        ("data", "C:/mine.csv", ("C:/mine.csv",)),
        ("loss_at", ["none", "every"], (None, "every")),
    ],
)
def test_words_and_values(name, given, values):
    found = grid(name, given)
    assert found == values
    assert [type(v) for v in found] == [type(v) for v in values]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("gian", "1"), ("gain", ""), ("gain", []), ("gain", "x"), ("gain", "1:2"), ("gain", "2:1:3"),
        ("gain", "1:2:0"), ("gain", "1:2:3:4"), ("gain", "1:"), ("gain", "log:0:1:3"),
        ("gain", [math.nan]), ("gain", "inf"), ("gain", [True]), ("gain", None), ("gain", [[1]]),
        ("hidden", 2.5), ("hidden", "1:2.5:3"), ("hidden", "none"), ("cell", 3), ("cell", "rnn,,gru"),
        ("gain", "1:2:x"), ("seed", "log:1:9"), ("input_variance", "nan"),
    ],
)  # fmt: skip
def test_what_is_no_axis(name, given):
    with pytest.raises(OptionError):
        grid(name, given)


def test_a_grid_is_every_combination_once():
    plan = Plan({"gain": [1, 2], "cell": "rnn,gru", "seed": "0:2"}, Configuration(hidden=7))
    found = [(p.setting.gain, p.setting.cell, p.setting.seed) for p in plan.points()]
    assert found == [(g, c, s) for g in (1.0, 2.0) for c in ("rnn", "gru") for s in range(3)]
    assert {p.setting.hidden for p in plan.points()} == {7}


def test_a_key_is_the_configuration_however_it_was_written():
    a = Plan({"gain": "1,2"}, Configuration(bias=1, hidden=np.int64(8))).points()
    b = Plan({"hidden": 8, "gain": "1:2:2", "bias": "1"}).points()
    assert [p.key for p in a] == [p.key for p in b]
    assert json.loads(a[0].key) == a[0].configuration
    # a rate at which nothing is trained makes no difference
    assert Plan({"gain": "1"}, lr=0.1).points() == Plan({"gain": "1"}).points()
    assert (
        Plan({"gain": "1"}, lr=0.1, train_updates=1).points()
        != Plan({"gain": "1"}, train_updates=1).points()
    )


def test_a_sample_fills_the_box():
    box = {"gain": "0.5:3", "hidden": "log:8:512", "cell": "rnn,lstm", "seed": "0:3"}
    points = Plan(box, sample=2000, sample_seed=1).points()
    settings = [p.setting for p in points]
    gains = np.array([s.gain for s in settings])
    assert len(points) == 2000
    assert gains.min() >= 0.5
    assert gains.max() <= 3
    # mean of a uniform number within four standard errors; so too of the logarithm
    assert abs(gains.mean() - 1.75) < 4 * 2.5 / math.sqrt(12 * 2000)
    logs = np.log2([s.hidden for s in settings])
    assert abs(logs.mean() - 6) < 4 * 6 / math.sqrt(12 * 2000)
    assert {s.cell for s in settings} == {"rnn", "lstm"}
    assert np.bincount([s.seed for s in settings]).min() > 400


def test_a_sample_is_the_same_again_and_grows():
    box = {"gain": "0.5:3", "bias": "0:1"}
    turned = {"bias": "0:1", "gain": "0.5:3"}
    few, many = Plan(box, sample=5), Plan(turned, sample=9)
    assert few.points() == many.points()[:5]
    assert few.points() != Plan(box, sample=5, sample_seed=1).points()


@pytest.mark.parametrize(
    "options",
    [
        {"axes": {}}, {"sample": 0}, {"sample": True}, {"sample": 2.5}, {"sample": 2, "sample_seed": -1},
        {"train_updates": -1}, {"train_updates": 1, "lr": 0.0}, {"base": Configuration(hidden="x")},
    ],
)  # fmt: skip
def test_plans_that_are_none(options):
    with pytest.raises(OptionError):
        Plan(**({"axes": {"gain": "1"}} | options)).points()


def test_a_plan_in_a_file(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(
        "sample = 3\nsample_seed = 4\ntrain_updates = 5\nlr = 0.01\n"
        '[axes]\ngain = "0.5:3"\ncell = ["rnn", "gru"]\n[base]\nhidden = 9\ninput_variance = 1\n'
    )
    plan = Plan(
        {"gain": "0.5:3", "cell": ["rnn", "gru"]},
        Configuration(hidden=9, input_variance=1.0),
        3,
        4,
        5,
        0.01,
    )
    assert read_plan(path).points() == plan.points()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[axes]\ngain = [1,", "TOML"),
        ("[axes]\ngian = 1", "gian"),
        ("axes = 3", "table"),
        ("[axis]\ngain = 1", "axis"),
        ('[axes]\ngain = 1\n[base]\nhidden = "x"', "hidden"),
        ('sample = "x"\n[axes]\ngain = 1', "sample"),
    ],
)
def test_files_that_are_no_plan(tmp_path, text, said):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises((FileError, OptionError), match=said):
        read_plan(path)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_plan(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="TOML"):
        read_plan(tmp_path / "b.toml")


@pytest.mark.parametrize("data", ["vowels", "mine.npz", ["noise", "mine.csv"]])
def test_the_length_of_data_that_have_their_own_is_no_axis(data):
    axes = {"length": [20, 40]} | ({"data": data} if isinstance(data, list) else {})
    base = Configuration() if isinstance(data, list) else Configuration(data=data)
    with pytest.raises(OptionError, match=r"^length: expected no axis for (vowels|mine\.)"):
        Plan(axes, base).points()
    assert len(Plan({"length": [20, 40]}).points()) == 2
    # one length for the data that have none of their own
    assert len(Plan({"length": [20], "data": ["noise", "mine.csv"]}).points()) == 2


@pytest.mark.parametrize("name", ["cell", "activation", "init", "loss_at", "dtype"])
def test_a_typo_is_refused_before_the_first_point(name):
    with pytest.raises(OptionError, match=f"{name}: expected one of .*, got 'rnnn'"):
        bptt.sweep({name: ["rnnn"], "gain": [0.5, 1]})


def test_a_range_without_a_count_shows_how_to_write_it():
    with pytest.raises(
        OptionError, match=r"Write 1:2:11 for 11 values, 1,2 for these two"
    ) as error:
        Plan({"gain": "1:2"}).points()
    assert "both ends included, got '1:2'" in str(error.value)


def test_refining_puts_points_where_the_sign_changes(tmp_path):
    options = {
        "base": Configuration(init="gaussian", hidden=16, length=30),
        "engine": "threads",
        "workers": 1,
    }
    axes = {"gain": [0.5, 2.5, 4.5], "seed": [0, 1]}
    coarse = bptt.sweep(axes, out=tmp_path / "s.sqlite", **options)
    fine = bptt.sweep(axes, out=tmp_path / "s.sqlite", refine=3, **options)
    assert fine.rows()[:6] == coarse.rows()  # measured once, kept
    for seed in (0, 1):
        run = sorted((r["gain"], r["lyapunov"]) for r in fine.rows() if r["seed"] == seed)
        around = [b - a for (a, v), (b, w) in pairwise(run) if (v < 0) != (w < 0)]
        assert around == [0.25]
    with pytest.raises(OptionError, match="refine: expected a number that varies"):
        bptt.sweep({"seed": [0, 1]}, refine=1)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("hidden", 0, "a whole number from 1"), ("layers", "0,2", "a whole number from 1"), ("batch", -3, "from 1"),
        ("length", "0:4", "from 1"), ("seed", [-1, 0], "a whole number from 0"),
        ("input_variance", -0.5, "a number from 0"),
    ],
)  # fmt: skip
def test_numbers_of_which_no_network_can_be_made_are_refused_before_the_first_point(
    name, value, expected
):
    with pytest.raises(OptionError, match=expected) as raised:
        as_axis(name, value)
    assert raised.value.argument == name
    if not isinstance(value, str | list):
        with pytest.raises(OptionError, match=expected):
            Plan({"gain": [1]}, Configuration(**{name: value})).points()


def test_data_that_cannot_be_read_end_a_sweep_before_its_first_point(tmp_path):
    with pytest.raises(FileError, match=r"^nothing: expected text, .* got no such file"):
        bptt.sweep({"data": ["noise", "nothing"]}, out=tmp_path / "sweep.sqlite", engine="threads")
    assert not list(tmp_path.iterdir())
