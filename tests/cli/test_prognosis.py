"""bptt prognosis: every kind of model and data, the same numbers as the library's, Ctrl-C, and bad input in one line."""

import json
import shlex
import signal
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("typer")

import typer

import bptt as package
from bptt import files
from bptt.cli import app
from bptt.data import tasks
from bptt.report.prognosis import door
from tests.cli.command import bptt

SMALL = ("prognosis", "--data", "adding", "--length", "20", "--hidden", "8", "--budget", "40")


def flat(text):
    return " ".join(text.replace("│", " ").split())


def own_batches(folder, sequences=48):
    """Weights as PyTorch saves them, and a batch that they read; the class is the sign of an early input."""
    rng = np.random.default_rng(0)
    sizes = {
        "weight_ih_l0": (32, 3),
        "weight_hh_l0": (32, 8),
        "bias_ih_l0": (32,),
        "bias_hh_l0": (32,),
    }
    weights = {
        f"rnn.{name}": rng.normal(size=size).astype("f4") / 4 for name, size in sizes.items()
    }
    weights |= {"fc.weight": rng.normal(size=(2, 8)).astype("f4"), "fc.bias": np.zeros(2, "f4")}
    files.write_tensors(folder / "w.safetensors", weights, {"format": "pt"})
    x = rng.normal(size=(12, sequences, 3))
    np.savez(folder / "b.npz", x=x, targets=(x[2, :, 0] > 0).astype(int))
    steps = x.cumsum(0)[..., 0]
    np.savez(folder / "steps.npz", x=x, targets=steps)


def test_what_is_printed_and_written(tmp_path):
    done = bptt(*SMALL, cwd=tmp_path)
    said = flat(done.stdout)
    for part in (
        "lag 10 within 40 updates",
        "reach",
        "agreement",
        "form",
        "held-out loss",
        "prognosis.html",
    ):
        assert part in said
    before, bar = flat(done.stderr).split("look ahead", 1)
    assert "4 updates, a tenth of the budget of 40" in before
    assert "4/4" in bar
    assert [path.name for path in tmp_path.iterdir()] == ["prognosis.html"]
    assert "lag 10 within 40 updates" in (tmp_path / "prognosis.html").read_text()


def test_the_numbers_are_those_of_the_library(tmp_path):
    done = bptt(*SMALL, "--lr", "0.005", "--batch", "16", "--clip", "0", "--seed", "3", "--needed-lag", "7",
                "--json", "--no-report", cwd=tmp_path)  # fmt: skip
    network = package.Network.init(2, 8, 1, loss="mse", loss_at="last", rng=3)
    seen = package.prognosis(
        network,
        tasks.adding(20),
        None,
        7,
        40,
        lr=0.005,
        batch=16,
        clip=None,
        seed=3,
        progress=False,
    )
    document = json.loads(done.stdout)
    assert document["losses"] == list(seen.losses)
    assert document["evidence"] == seen.evidence
    assert document["probability"] == seen.probability
    assert document["needed_lag"] == 7
    assert document["facts"]["batch"] == "16"
    assert document["facts"]["Data"] == "adding, length 20"
    assert not list(tmp_path.iterdir())


KINDS = {
    "a text": "--hidden 8 --length 16 --window 32 --budget 20",
    "a text by a saved network": "--model m.safetensors --budget 20",
    "labelled sequences of a package": "--data vowels --cell lstm --hidden 8 --budget 20",
    "labelled sequences of a file": "--data b.npz --cell gru --layers 2 --hidden 8 --budget 20",
    "targets at every step": "--data steps.npz --time-first --hidden 8 --budget 20",
    "both ways": "--data b.npz --layers 2 --bidirectional --hidden 8 --budget 20",
    "PyTorch's weights": "--model w.safetensors --data b.npz --budget 20",
    "noise": "--data noise --length 20 --hidden 8 --budget 20",
    "a curriculum": "--data adding --length 20 --hidden 8 --budget 20 --curriculum drawn:10:20",
    "omega": "--data adding --length 20 --hidden 8 --budget 20 --omega 2",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_model_and_data_that_diagnose_takes(kind, tmp_path):
    own_batches(tmp_path)
    if "m.safetensors" in KINDS[kind]:
        bptt("train", "--updates", "1", "--hidden", "8", "--out", "m.safetensors", cwd=tmp_path)
    done = bptt("prognosis", *KINDS[kind].split(), "--json", "--no-report", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert [m["update"] for m in document["measured"]] == [0, 1, 2]
    assert document["verdict"] in ("will learn", "will not learn", "cannot tell")
    assert 0 <= document["probability"] <= 1
    remarks = " ".join(document["remarks"])
    assert ("nothing in it to learn" in remarks) == (kind == "noise")
    assert ("Agreement and form are left out" in remarks) == (kind == "both ways")


@pytest.fixture
def press(monkeypatch):
    """Ctrl-C as a user presses it, by a signal, once so many updates are made."""

    def at(updates):
        @contextmanager
        def bar(*_, **__):
            def update(done, total, note=""):
                if done == updates:
                    signal.raise_signal(signal.SIGINT)

            yield update

        monkeypatch.setattr(door, "bar", bar)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield at
    signal.signal(signal.SIGINT, handler)


def test_ctrl_c_leaves_what_is_known(press, tmp_path):
    press(3)
    done = bptt(*SMALL, cwd=tmp_path, code=130)
    said = flat(done.stdout)
    assert "Interrupted after 3 of 4 updates." in said
    assert "after 2" in said
    assert "Interrupted after 3 of 4 updates." in (tmp_path / "prognosis.html").read_text()
    document = json.loads(bptt(*SMALL, "--json", "--no-report", cwd=tmp_path, code=130).stdout)
    assert [m["update"] for m in document["measured"]] == [0, 2]
    assert len(document["losses"]) == 3
    assert document["stopped"] == "Interrupted after 3 of 4 updates."


def test_ctrl_c_before_anything_is_measured(press, tmp_path):
    press(0)
    said = flat(bptt(*SMALL, cwd=tmp_path, code=130).stdout)
    assert "Interrupted after 0 of 4 updates." in said
    assert "It is unclear" in said
    assert not list(tmp_path.iterdir())


def test_a_training_that_breaks_off_is_an_answer(tmp_path):
    more = (
        "--activation",
        "relu",
        "--init",
        "orthogonal",
        "--gain",
        "40",
        "--lr",
        "1e30",
        "--clip",
        "0",
    )
    said = flat(bptt(*SMALL, *more, cwd=tmp_path).stdout)
    assert (
        "The network will not learn lag 10 with this training. The training broke off after" in said
    )


def words_after(stdout, start):
    (line,) = (line for line in stdout.splitlines() if line.startswith(start))
    return shlex.split(line.removeprefix(start))


def test_the_training_that_it_names_is_the_one_that_was_foretold(tmp_path):
    arguments = (
        "--data",
        "adding",
        "--length",
        "6",
        "--cell",
        "gru",
        "--hidden",
        "16",
        "--lr",
        "0.01",
    )
    done = bptt("prognosis", *arguments, "--budget", "600", "--seed", "2", cwd=tmp_path)
    name, *words = words_after(done.stdout, "To train it: ")
    assert name == "bptt"
    assert "will learn lag 3" in flat(done.stdout)
    document = json.loads(bptt(*words, "--json", cwd=tmp_path).stdout)
    assert document["solved"]
    own = bptt(
        "prognosis", "--model", "model.safetensors", "--budget", "60", "--no-report", cwd=tmp_path
    )
    _, *again = words_after(own.stdout, "To train it: ")
    assert again[again.index("--init-from") + 1] == "model.safetensors"
    bptt(*again, cwd=tmp_path)
    assert (tmp_path / "trained.safetensors").exists()


@pytest.mark.parametrize("command", ["prognosis", "diagnose"])
def test_the_next_command_takes_the_same_model_and_data(command, tmp_path):
    more = ("--budget", "40") if command == "prognosis" else ("--updates", "1", "--batch", "4")
    arguments = "--data adding --length 60 --hidden 8 --init glorot --needed-lag 45".split()
    done = bptt(command, *arguments, *more, "--no-report", cwd=tmp_path)
    start = {"prognosis": "What could help: ", "diagnose": "Will it learn? Find out with: "}[
        command
    ]
    _, name, *words = words_after(done.stdout, start)
    assert name == {"prognosis": "remedies", "diagnose": "prognosis"}[command]
    context = typer.main.get_command(app).commands[name].make_context(name, list(words))
    expected = {"data": "adding", "length": 60, "hidden": 8, "init": "glorot", "needed_lag": 45}
    assert {key: context.params[key] for key in expected} == expected
    assert "--updates" not in words
    assert "--batch" not in words


def test_a_diagnosis_of_a_few_sequences_names_no_look_ahead(tmp_path):
    own_batches(tmp_path, sequences=7)
    done = bptt(
        "diagnose", "--model", "w.safetensors", "--data", "b.npz", "--no-report", cwd=tmp_path
    )
    assert "Will it learn?" not in done.stdout


BAD = {
    "no budget": (["--budget", "19"], "--budget: expected a whole number from 20 to 1000000000, got 19"),
    "a budget that is no number": (["--budget", "many"], "--budget: expected a whole number, got 'many'."),
    "a lag beyond the sequences": (["--needed-lag", "20"], "--needed-lag: expected a whole number from 0 to 19, got 20"),
    "no learning rate": (["--lr", "0"], "--lr: expected"),
    "no batch": (["--batch", "0"], "--batch: expected a whole number from 1, got 0"),
    "a negative clip": (["--clip", "-1"], "--clip: expected a positive number, got -1"),
    "a negative omega": (["--omega", "-1"], "--omega: expected a number from 0, got -1"),
    "omega of gates": (["--cell", "lstm", "--omega", "1"], "--omega: expected plain RNN layers, got lstm layers"),
    "a negative seed": (["--seed", "-1"], "--seed: expected a whole number"),
    "no such curriculum": (["--curriculum", "hard"], "--curriculum: expected drawn:50:200 or growing"),
    "another page type": (["--report", "a.pdf"], "--report: expected a name ending in .html"),
    "no page": (["--report", "a.html", "--no-report"], "--report: expected none with --no-report"),
    "a window": (["--window", "8"], "--window: expected none for adding, which is no text, got 8"),
    "few sequences": (["--data", "few.npz", "--model", "w.safetensors"], "--data: expected at least 24 sequences, to learn from some"),
    "few held out": (["--data", "few.npz"], "--data: expected at least 8 held-out sequences, got 1"),
    "a length of their own": (["--data", "few.npz", "--length", "9"], "--length: expected none for few.npz"),
    "a window within the chunk": (["--data", "text", "--length", "64", "--window", "9"], "--window: expected a whole number from 64, got 9"),
    "a lag beyond the text": (["--data", "ab.txt", "--length", "4", "--needed-lag", "4000"], "--needed-lag: expected"),
    "a model that is not there": (["--model", "none.safetensors"], "none.safetensors: expected a .safetensors file"),
    "a model with a cell": (["--model", "w.safetensors", "--cell", "gru"], "--cell: expected none with --model"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_code_2(case, tmp_path):
    arguments, message = BAD[case]
    own_batches(tmp_path, sequences=7)
    (tmp_path / "b.npz").rename(tmp_path / "few.npz")
    (tmp_path / "ab.txt").write_text("abba " * 1000)
    before = sorted(tmp_path.iterdir())
    data = () if "--data" in arguments or "--model" in arguments else SMALL[1:5]
    done = bptt("prognosis", *data, *arguments, cwd=tmp_path, code=2)
    *read, line = done.stderr.strip().splitlines()
    assert all(words.startswith("few.npz: 7 sequences of ") for words in read)
    assert line.startswith("bptt: ")
    assert message in line
    assert done.stdout == ""
    assert sorted(tmp_path.iterdir()) == before
