"""The command line as a user runs it, in an empty directory."""

import json
import re
import subprocess
import sys

import pytest

pytest.importorskip("typer")


from bptt import files, kernels
from bptt.presentation import progress
from tests.cli.command import bptt


def test_in_a_process_of_its_own(tmp_path):
    """All the other tests here share one, which imports everything once."""
    done = subprocess.run(
        [sys.executable, "-m", "bptt", "train", "--hidden", "0"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("bptt: --hidden: expected")
    assert done.stdout == ""


def test_main_job(tmp_path):
    done = bptt("diagnose", "--updates", "60", "--hidden", "32", cwd=tmp_path)
    for part in ("before training", "after training", "horizon", "What to change", "report.html"):
        assert part in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert "60/60" in done.stderr  # the bar


def test_a_measurement_that_takes_long_says_how_far_it_has_come(tmp_path, monkeypatch):
    arguments = (
        "diagnose", "--data", "adding", "--length", "30", "--hidden", "4", "--updates", "1", "--no-report", "--json",
    )  # fmt: skip
    short = bptt(*arguments, cwd=tmp_path)
    assert "measuring" not in short.stderr
    monkeypatch.setattr(progress, "LONG", 0.0)
    monkeypatch.setattr(progress, "BETWEEN", 0.0)
    long = bptt(*arguments, cwd=tmp_path)
    lines = [line for line in long.stderr.splitlines() if line.startswith("measuring: ")]
    assert len(lines) > 20  # before the training and after it
    assert all(line.endswith(" s left") for line in lines)
    assert long.stdout == short.stdout


def test_the_other_layers_are_a_row_each_until_all_are_asked_for(tmp_path):
    arguments = (
        "diagnose",
        "--data",
        "adding",
        "--length",
        "10",
        "--hidden",
        "4",
        "--updates",
        "1",
        "--no-report",
    )
    text = bptt(*arguments, "--layers", "2", cwd=tmp_path).stdout
    assert re.match(r"(Yes|No): .*the task needs", text)
    assert "In full: the same command with --all" in text
    assert len(re.findall("spectral radius", text)) == 1
    text = bptt(*arguments, "--layers", "2", "--all", cwd=tmp_path).stdout
    assert len(re.findall("spectral radius", text)) == 2
    assert "Other layers" not in text
    done = bptt(*arguments, "--all", cwd=tmp_path, code=2)
    assert "--all: expected none for a single layer" in done.stderr
    done = bptt(*arguments, "--layers", "2", "--all", "--json", cwd=tmp_path, code=2)
    assert "--all: expected none with --json" in done.stderr


def test_main_job_as_json(tmp_path):
    done = bptt(
        "diagnose", "--updates", "60", "--hidden", "32", "--no-report", "--json", "--needed-lag", "9",
        cwd=tmp_path,
    )  # fmt: skip
    stages = json.loads(done.stdout)["stages"]
    assert list(stages) == ["before training", "after training"]
    assert stages["after training"]["layers"]["rnn.0"]["needed_lag"] == 9
    assert not list(tmp_path.iterdir())


def test_train_then_diagnose_and_verify_the_saved_model(tmp_path):
    done = bptt(
        "train", "--updates", "40", "--hidden", "16", "--out", "m.safetensors", cwd=tmp_path
    )
    assert "bits per character" in done.stdout
    done = bptt("diagnose", "--model", "m.safetensors", "--json", cwd=tmp_path)
    stages = json.loads(done.stdout)["stages"]
    assert list(stages) == ["measured"]
    done = bptt("verify", "--model", "m.safetensors", "--length", "8", cwd=tmp_path)
    assert "They agree, to 1e-04." in done.stdout  # float32
    again = bptt("train", "--updates", "40", "--out", "m.safetensors", cwd=tmp_path, code=2)
    assert "--resume" in again.stderr
    bptt(
        "train",
        "--updates",
        "41",
        "--out",
        "m.safetensors",
        "--resume",
        cwd=tmp_path,
    )


@pytest.mark.parametrize("activation", ["tanh", "relu", "scaled_tanh"])
def test_verify(activation, tmp_path):
    arguments = ("--activation", activation, "--length", "8", "--hidden", "6", "--entries", "30")
    assert "They agree, to 1e-12." in bptt("verify", *arguments, cwd=tmp_path).stdout
    result = json.loads(bptt("verify", *arguments, "--json", cwd=tmp_path).stdout)
    assert result["agrees"]
    assert {row["parameter"] for row in result["rows"]} >= {"W_F", "W_R", "b", "h0", "W_O", "b_O"}


def test_derive(tmp_path):
    text = bptt("derive", "--steps", "4", cwd=tmp_path).stdout
    assert "W_R⁴ φ′(z_{t-1}) φ′(z_{t-2}) φ′(z_{t-3}) ∂h_{t-4}/∂W_R" in text
    assert "Checked: equal to SymPy's derivative" in text
    latex = bptt("derive", "--form", "matrix", "--latex", cwd=tmp_path).stdout
    assert latex.startswith(r"\begin{align*}")
    assert json.loads(bptt("derive", "--json", cwd=tmp_path).stdout)["checked_steps"] == 3


BAD = {
    "unknown activation": (["train", "--activation", "swish"], "activation: expected one of tanh"),
    "unknown init": (["diagnose", "--init", "he"], "--init: expected one of pytorch"),
    "no units": (["train", "--hidden", "0"], "--hidden: expected a whole number from 1"),
    "negative seed": (["verify", "--seed", "-1"], "seed: expected a whole number"),
    "no such text": (["train", "--data", "none.txt"], "none.txt: expected"),
    "no such model": (["diagnose", "--model", "none"], "none: expected a .safetensors file"),
    "a folder for a model": (["diagnose", "--model", "."], ".: expected a .safetensors file or a state dict that torch.save wrote, got a folder"),
    "a folder for a page": (["diagnose", "--report", "a.html"], "a.html: expected a place to write"),
    "a name too long": (["train", "--out", "x" * 300], "file name too long"),
    "a text that cannot be read": (["train", "--data", "/proc/self/mem"], "/proc/self/mem: expected"),
    "no such cell": (["diagnose", "--cell", "qrnn"], "cell: expected one of rnn, lstm, gru"),
    "no layers": (["diagnose", "--layers", "0"], "--layers: expected a whole number from 1"),
    "text both ways": (["diagnose", "--bidirectional"], "network: expected layers that run forward only"),
    "too much memory": (["verify", "--hidden", "100000000"], "--hidden: expected sizes that fit into the memory"),
    "too many sequences": (["diagnose", "--data", "vowels", "--batch", "1000"], "batch: expected from 1 to 370"),
    "no sequences": (["verify", "--batch", "0"], "batch: expected"),
    "no truncation": (["diagnose", "--truncation", "-3"], "truncation: expected a whole number from 1"),
    "lags short of the needed one": (["diagnose", "--max-lag", "5"], "--max-lag: expected at least"),
    "negative lag": (["diagnose", "--max-lag", "-1"], "--max-lag: expected a whole number from 0"),
    "not a model": (["diagnose", "--model", "junk"], "junk: expected a .safetensors file"),
    "another page type": (["diagnose", "--report", "a.pdf"], "--report: expected"),
    "lag beyond the sequence": (
        ["diagnose", "--length", "50", "--needed-lag", "50"], "--needed-lag: expected"),
    "one step": (["diagnose", "--length", "1"], "x: expected at least 2 steps"),
    "no updates": (["train", "--updates", "0"], "--updates: expected a whole number from 1"),
    "no such optimizer": (["train", "--optimizer", "lion"], "--optimizer: expected adam"),
    "nowhere to write": (["train", "--updates", "1", "--out", "no/where"], "expected a place to write"),
    "no steps to derive": (["derive", "--steps", "0"], "--steps: expected a whole number from 1"),
    "unknown form": (["derive", "--form", "tensor"], "form: expected"),
    "no entries": (["verify", "--entries", "0"], "entries: expected"),
    "no number": (["train", "--hidden", "x"], "--hidden: expected a whole number, got 'x'."),
    "no such option": (["diagnose", "--hiden", "4"], "No such option: --hiden"),
    "no such command": (["diagnos"], "No such command 'diagnos'"),
    "no such option of all": (["--nonsense"], "No such option: --nonsense"),
    "nothing to resume": (["train", "--resume", "--out", "new"], "new: expected a .safetensors file"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_code_2(case, tmp_path):
    arguments, message = BAD[case]
    (tmp_path / "junk").write_bytes(b"not a model" * 100)
    (tmp_path / "a.html").mkdir()
    before = sorted(tmp_path.iterdir())
    done = bptt(*arguments, cwd=tmp_path, code=2)
    *_, line = done.stderr.strip().splitlines()
    assert message in line
    assert line.startswith("bptt: ")
    assert done.stdout == ""
    assert sorted(tmp_path.iterdir()) == before


def test_a_model_of_another_text(tmp_path):
    (tmp_path / "ab.txt").write_text("abba " * 1000)
    bptt("train", "--data", "ab.txt", "--updates", "2", "--hidden", "4", cwd=tmp_path)
    done = bptt("diagnose", "--model", "model.safetensors", cwd=tmp_path, code=2)
    assert "--data: expected the path of ab.txt, which model.safetensors was trained" in done.stderr
    done = bptt("diagnose", "--model", "model.safetensors", "--data", "text", cwd=tmp_path, code=2)
    assert "expected the model's 3 characters" in done.stderr


def test_a_model_with_nan(tmp_path):
    import numpy as np

    from bptt import Network

    net = Network.init(2, 3, 2, rng=0)
    tensors = net.parameters() | {"W_R": np.full((3, 3), np.nan, "f4")}
    files.write_tensors(tmp_path / "nan.safetensors", tensors, net.describe())
    done = bptt("diagnose", "--model", "nan.safetensors", cwd=tmp_path, code=2)
    assert "W_R: expected finite numbers, got nan at index (0, 0)" in done.stderr


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys\nsys.argv = ['bptt', '--help']\nfrom bptt.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'sympy', 'altair', 'torch', 'vl_convert', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_help_teaches(tmp_path):
    for command in ("diagnose", "train", "verify", "derive"):
        text = bptt(command, "--help", cwd=tmp_path).stdout
        assert f"bptt {command} --" in text  # an example that can be typed


def test_version(tmp_path):
    import bptt as package

    said = bptt("--version", cwd=tmp_path).stdout
    assert said == f"bptt {package.__version__} ({kernels.path()})\n"


@pytest.mark.parametrize("data", ["vowels", "acsf1"])
def test_lstm_on_labelled_sequences(data, tmp_path):
    arguments = ("--cell", "lstm", "--data", data, "--hidden", "16", "--updates", "20")
    done = bptt("diagnose", *arguments, cwd=tmp_path)
    for part in ("lstm.0", "forget gate", "goes by the carry", "Lyapunov", "Held-out accuracy"):
        assert part in " ".join(done.stdout.split())
    assert (tmp_path / "report.html").stat().st_size > 500_000


def test_stack_both_ways_on_a_file_of_ones_own(tmp_path):
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 30, 2))
    np.savez(tmp_path / "own.npz", x=x, targets=(x[0, :, 0] > 0).astype(int))
    arguments = ("--cell", "gru", "--layers", "2", "--bidirectional", "--hidden", "8")
    more = (
        "--data",
        "own.npz",
        "--updates",
        "30",
        "--needed-lag",
        "11",
        "--truncation",
        "5",
        "--json",
    )
    done = bptt("diagnose", *arguments, *more, cwd=tmp_path)
    layers = json.loads(done.stdout)["stages"]["after training"]["layers"]
    assert set(layers) == {f"gru.{n}.{way}" for n in (0, 1) for way in ("forward", "backward")}
    bptt("train", *arguments, *more[:4], "--out", "m.safetensors", cwd=tmp_path)
    done = bptt("diagnose", "--model", "m.safetensors", "--data", "own.npz", cwd=tmp_path)
    assert "Held-out accuracy" in done.stdout


def test_a_network_that_explodes_in_training_is_still_diagnosed(tmp_path):
    arguments = ("--activation", "relu", "--init", "orthogonal", "--gain", "2", "--updates", "50")
    done = bptt("diagnose", *arguments, "--no-report", "--hidden", "32", cwd=tmp_path)
    assert "exploding" in done.stdout


def test_verify_gated(tmp_path):
    for arguments in (["--cell", "lstm"], ["--cell", "gru", "--layers", "2"]):
        more = ("--length", "5", "--hidden", "4", "--entries", "10")
        assert "They agree, to 1e-12." in bptt("verify", *arguments, *more, cwd=tmp_path).stdout


def test_file_names_are_no_markup(tmp_path):
    done = bptt(
        "diagnose", "--updates", "1", "--hidden", "4", "--report", "a[lr=1][red].html", cwd=tmp_path
    )
    assert "a[lr=1][red].html" in done.stdout


def test_ascii_terminal(tmp_path):
    import os

    done = subprocess.run(
        [sys.executable, "-m", "bptt", "derive"], cwd=tmp_path, capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0


def test_verify_on_labelled_sequences(tmp_path):
    arguments = ("--data", "vowels", "--cell", "gru", "--hidden", "4", "--entries", "10")
    assert "They agree, to 1e-12." in bptt("verify", *arguments, cwd=tmp_path).stdout


def test_dead_weights_as_json(tmp_path):
    arguments = ("--init", "identity", "--gain", "0", "--hidden", "8", "--updates", "5", "--json")
    done = bptt("diagnose", *arguments, "--no-report", cwd=tmp_path)
    assert (
        json.loads(done.stdout)["stages"]["before training"]["layers"]["rnn.0"]["cause"]["number"]
        is None
    )


class Tagger:
    """A GRU and a readout as PyTorch would save them, and a batch; made without PyTorch."""

    def __init__(self, folder, cell="gru"):
        import numpy as np

        rng, rows = np.random.default_rng(0), 8 * {"rnn": 1, "gru": 3, "lstm": 4}[cell]
        sizes = {"weight_ih_l0": (rows, 3), "weight_hh_l0": (rows, 8), "bias_ih_l0": (rows,)}
        sizes |= {"bias_hh_l0": (rows,)}
        self.weights = {
            f"enc.rnn.{name}": rng.normal(size=shape).astype("f4") / 4
            for name, shape in sizes.items()
        }
        self.weights |= {
            "fc.weight": rng.normal(size=(4, 8)).astype("f4"),
            "fc.bias": np.ones(4, "f4"),
        }
        files.write_tensors(folder / "w.safetensors", self.weights, {"format": "pt"})
        self.x, self.targets = 100 + rng.normal(size=(20, 7, 3)), rng.integers(0, 3, (20, 7))
        np.savez(folder / "b.npz", x=self.x, targets=self.targets)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_weights_from_pytorch(cell, tmp_path):
    """The loss is PyTorch's own on all of the batch, not scaled (the inputs are near 100)."""
    import torch
    from torch import nn

    made = Tagger(tmp_path, cell)
    more = ("--activation", "relu") if cell == "rnn" else ()
    arguments = ("--model", "w.safetensors", "--data", "b.npz", "--time-first", "--json", *more)
    done = bptt("diagnose", *arguments, cwd=tmp_path)
    found = json.loads(done.stdout)["stages"]["measured"]
    module = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[cell](
        3, 8, **({"nonlinearity": "relu"} if cell == "rnn" else {})
    )
    model = nn.ModuleDict({"enc": nn.ModuleDict({"rnn": module}), "fc": nn.Linear(8, 4)})
    model.load_state_dict({name: torch.from_numpy(value) for name, value in made.weights.items()})
    o = model["fc"](module(torch.from_numpy(made.x).float())[0])
    E = nn.functional.cross_entropy(o.flatten(0, 1), torch.from_numpy(made.targets).flatten())
    assert found["E"] == pytest.approx(E.item(), rel=1e-5)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    again = bptt("diagnose", "--model", "w.pt", *arguments[2:], cwd=tmp_path)
    assert json.loads(again.stdout)["stages"]["measured"] == found


def test_what_was_measured_of_a_file_is_said(tmp_path):
    made = Tagger(tmp_path)
    more = {"norm.weight": made.weights["fc.bias"]}
    files.write_tensors(tmp_path / "w.safetensors", made.weights | more, {})
    done = bptt(
        "diagnose", "--model", "w.safetensors", "--data", "b.npz", "--time-first", cwd=tmp_path
    )
    said = " ".join(done.stdout.split())
    assert (
        "Recurrent: enc.rnn. Readout: fc. In the file and not used: norm.weight. Accuracy" in said
    )
    assert "held" not in said


def test_a_pickle_is_not_opened(tmp_path):
    import os
    import pickle

    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'boom'}",)

    (tmp_path / "w.pt").write_bytes(pickle.dumps(Bomb(), 2))
    done = bptt("diagnose", "--model", "w.pt", "--data", "b.npz", cwd=tmp_path, code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "bptt: w.pt: expected a .safetensors file or a state dict that torch.save wrote, got a pickled object"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["w.pt"]


MISFITS = {
    "no data": ([], "--data: expected the data that w.safetensors reads"),
    "a text": (["--data", "text"], "--data: expected a file of sequences, or a task, for a network that bptt did not save"),
    "no such table": (["--data", "b.csv"], "b.csv: expected a .csv file, got no such file"),
    "no such batch": (["--data", "none.npz"], "none.npz: expected a .npz file, got no such file"),
    "an activation": (["--data", "b.npz", "--activation", "tanh"], "--activation: expected none for the gru"),
    "no such module": (["--data", "b.npz", "--recurrent", "dec"], "--recurrent: expected a recurrent module of w."),
    "no such readout": (["--data", "b.npz", "--readout", "out"], "--readout: expected a linear layer that reads"),
    "inputs": (["--data", "wide.npz", "--time-first"], "--data: expected data of 3 numbers a step, as the model reads, got wide.npz, which has 4"),
    "classes": (["--data", "many.npz"], "--data: expected classes from 0 to 3, for the model has 4 outputs, got many.npz, which has 7"),
    "numbers": (["--data", "real.npz"], "--data: expected targets that are classes, integers from 0 to 3, for the model has 4"),
    "too many": (["--data", "b.npz", "--time-first", "--batch", "8"], "--batch: expected from 1 to 7 sequences"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_weights_from_pytorch(case, tmp_path):
    import numpy as np

    made, (arguments, message) = Tagger(tmp_path), MISFITS[case]
    np.savez(tmp_path / "wide.npz", x=np.ones((20, 7, 4)), targets=made.targets)
    np.savez(tmp_path / "many.npz", x=made.x, targets=np.arange(7))
    np.savez(tmp_path / "real.npz", x=made.x, targets=np.ones(7))
    done = bptt("diagnose", "--model", "w.safetensors", *arguments, cwd=tmp_path, code=2)
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"bptt: {message}")
    assert not (tmp_path / "report.html").exists()


def test_a_readout_is_chosen_of_pytorchs_weights_only(tmp_path):
    for arguments in (["--readout", "fc"], ["--recurrent", ""]):
        done = bptt("diagnose", *arguments, "--updates", "1", cwd=tmp_path, code=2)
        assert "expected none without --model and the weights of a PyTorch model" in done.stderr
