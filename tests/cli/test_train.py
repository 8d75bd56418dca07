"""``bptt train`` on tasks, from saved weights, and what it refuses."""

import json

import pytest

pytest.importorskip("typer")


import bptt as library
from bptt import training
from bptt.cli.training_words import curriculum_of, optimiser_of, schedule_of, until_of
from bptt.errors import OptionError
from tests.cli.command import bptt


def test_a_task_says_whether_it_is_solved(tmp_path):
    done = bptt(
        "train", "--data", "adding", "--length", "8", "--hidden", "24", "--cell", "lstm", "--lr", "0.01",
        "--updates", "3000", "--until", "solved", "--out", "a.safetensors", cwd=tmp_path,
    ).stdout  # fmt: skip
    assert "\nsolved: adding of 8" in done
    assert "the best loss without memory is 0.167 squared" in done
    assert "--until is reached" in done
    assert "next: bptt diagnose --model a.safetensors --data adding --length 8" in done
    short = bptt(
        "train", "--data", "adding", "--length", "50", "--hidden", "4", "--updates", "2", "--json",
        "--out", "b.safetensors", cwd=tmp_path,
    )  # fmt: skip
    found = json.loads(short.stdout)
    assert (found["updates"], found["stopped"], found["solved"]) == (2, "updates", False)
    assert found["baseline"] == pytest.approx(1 / 6)


def test_from_saved_weights(tmp_path):
    """One step of a vanishing size: the weights are those of the file, as they were."""
    net = library.Network.init(2, 6, 1, cell="gru", loss="mse", loss_at="last", rng=9)
    net.save(tmp_path / "begin.safetensors")
    bptt(
        "train", "--data", "adding", "--length", "5", "--init-from", "begin.safetensors", "--updates", "1",
        "--optimizer", "sgd", "--lr", "1e-30", "--out",
        "end.safetensors", cwd=tmp_path,
    )  # fmt: skip
    end, _ = library.Network.load(tmp_path / "end.safetensors")
    for name, value in net.parameters().items():
        assert (end.parameters()[name] == value).all()


def test_words():
    assert optimiser_of("rmsprop", None, 0.0).lr == 1e-3
    assert schedule_of("cosine:50") == training.Cosine(50)
    assert schedule_of("warmup:9+exponential:0.5") == training.WarmUp(9, training.Exponential(0.5))
    assert curriculum_of("growing:5:9:100") == training.Growing(5, 9, 100)
    assert curriculum_of(None) is None
    assert (until_of("0.5"), until_of("solved"), until_of(None)) == (0.5, "solved", None)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (schedule_of, "cosine"),
        (schedule_of, "cosine:x"),
        (schedule_of, "cosine:1:2"),
        (schedule_of, "linear:4"),
        (schedule_of, "cosine:4+step:3:0.5"),
        (schedule_of, "warmup:4+"),
        (schedule_of, "step:0:0.5"),
        (curriculum_of, "50:200"),
        (curriculum_of, "drawn:50"),
        (curriculum_of, "drawn:200:50"),
        (until_of, "well"),
        (lambda word: optimiser_of(word, None, 0.9), "adamw"),
    ],
)
def test_words_refused(make, word):
    with pytest.raises(OptionError, match="expected"):
        make(word)


@pytest.mark.parametrize(
    "options",
    [
        ["--window", "8"],
        ["--data", "adding", "--window", "80"],
        ["--curriculum", "drawn:5:9"],
        ["--until", "solved"],
        ["--data", "adding", "--curriculum", "drawn:1:9"],
        ["--data", "adding", "--cell", "gru", "--omega", "1"],
        ["--data", "adding", "--init-from", "none.safetensors"],
    ],
)
def test_refused(options, tmp_path):
    assert "expected" in bptt("train", *options, cwd=tmp_path, code=2).stderr
    assert not list(tmp_path.iterdir())
