"""bptt remedies: from a fresh network, a saved one, and PyTorch's weights, to a file that can be trained."""

import json

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("torch")

import torch
from typer.testing import CliRunner

import bptt
from bptt import files
from bptt.cli import app
from bptt.errors import BpttError

SMALL = ["remedies", "--data", "adding", "--length", "12", "--hidden", "8", "--no-report"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)

    return invoke


def test_apply_then_train(run):
    done = run(*SMALL, "--only", "identity-relu,orthogonal", "--budget", 60, "--apply", "--remedy",
               "identity-relu")  # fmt: skip
    assert done.exit_code == 0
    assert "bptt train --init-from remedied.safetensors --data adding --length 12" in (
        " ".join(done.stdout.split())
    )
    network, _ = bptt.Network.load("remedied.safetensors")
    assert (network.layer.W_R == np.eye(8)).all()
    assert network.layer.phi.name == "relu"
    trained = run("train", "--init-from", "remedied.safetensors", "--data", "adding", "--length", 12,
                  "--updates", 5)  # fmt: skip
    assert trained.exit_code == 0
    again = run("remedies", "--model", "model.safetensors", "--data", "adding", "--only", "orthogonal",
                "--budget", 0, "--json", "--no-report")  # fmt: skip
    ranked = json.loads(again.stdout)["ranked"]
    assert {row["name"] for row in ranked} == {"as it is", "orthogonal"}
    assert {row["needed_lag"] for row in ranked} == {6}


@pytest.mark.parametrize(
    ("remedy", "words"),
    [("curriculum", "--curriculum growing:3:12:30"), ("lr-up", "--lr 0.003 --until solved")],
)
def test_what_the_training_changes_is_in_the_next_command(run, remedy, words):
    done = run(
        *SMALL, "--only", remedy, "--budget", 60, "--batch", 4, "--apply", "--remedy", remedy
    )
    assert done.exit_code == 0, done.output
    shown = " ".join(done.stdout.split())
    assert words in shown
    command = shown[shown.index("next: bptt ") + len("next: bptt ") :].split()
    assert run(*command, "--updates", 3).exit_code == 0


def test_another_cell_is_written_to_the_file(run):
    done = run(*SMALL, "--only", "gru", "--budget", 0, "--apply", "--remedy", "gru")
    assert done.exit_code == 0, done.output
    network, _ = bptt.Network.load("remedied.safetensors")
    assert [layer.kind for layer in network.stack.layers] == ["gru"]


def test_the_page(run, tmp_path):
    done = run(*SMALL[:-1], "--only", "gain", "--budget", 0)
    assert done.exit_code == 0
    assert "gain" in (tmp_path / "remedies.html").read_text()


def test_pytorch_weights_keep_their_names(run):
    torch.manual_seed(0)
    lstm, head = torch.nn.LSTM(3, 8, num_layers=2), torch.nn.Linear(8, 2)
    other = torch.nn.Linear(5, 7)
    modules = {"lstm": lstm, "head": head, "other": other}
    torch.save(torch.nn.ModuleDict(modules).state_dict(), "weights.pt")
    rng = np.random.default_rng(0)
    np.savez(
        "batch.npz", x=rng.standard_normal((30, 12, 3)).astype("f4"), targets=rng.integers(0, 2, 12)
    )
    done = run("remedies", "--model", "weights.pt", "--data", "batch.npz", "--readout", "head", "--only",
               "forget-bias,identity-relu", "--budget", 40, "--apply", "--remedy", "forget-bias",
               "--no-report", "--out", "opened.safetensors")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "identity-relu" in done.stdout
    # Twelve sequences, and nothing held out.
    assert "No trial: --data holds too few sequences" in done.stdout
    assert "data=" not in done.stdout
    before, (after, _) = (
        torch.nn.ModuleDict(modules).state_dict(),
        files.read_tensors("opened.safetensors"),
    )
    assert set(after) == set(before)
    for level in range(2):
        b = after[f"lstm.bias_ih_l{level}"] + after[f"lstm.bias_hh_l{level}"]
        assert (1 + np.exp(-b[8:16])) ** -15 == pytest.approx(0.1, rel=1e-5)  # half of 30 steps
        assert (
            after[f"lstm.weight_hh_l{level}"] == before[f"lstm.weight_hh_l{level}"].numpy()
        ).all()
    for name in ("head.weight", "other.weight", "other.bias"):
        assert (after[name] == before[name].numpy()).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "magic"], "only: expected names among gain"),
        (["--report", "x.pdf"], "a name ending in .html"),
        (["--budget", "-1"], "--budget: expected"),
        (["--budget", "20"], "--budget: expected at least 40 updates, or 0"),
        (
            ["--only", "orthogonal", "--budget", 0, "--apply", "--remedy", "gain"],
            "one that is tried: orthogonal, got 'gain'",
        ),
        (["--apply", "--remedy", "orthogonl"], "one that is tried: gain, orthogonal"),
    ],
)
def test_bad_input(run, words, said):
    with pytest.raises(BpttError, match=said):
        run(*[word for word in SMALL if word != "--no-report"], *words)


@pytest.mark.parametrize("words", [("--only", "magic"), ("--apply", "--remedy", "magic")])
def test_an_unknown_remedy_is_refused_before_the_model_is_read(run, words):
    """The file is not there: whoever looked for it would say so first."""
    with pytest.raises(BpttError, match="got 'magic'"):
        run("remedies", "--model", "none.safetensors", "--no-report", *words)


def test_an_existing_file_is_not_replaced(run, tmp_path):
    (tmp_path / "remedied.safetensors").write_text("mine")
    with pytest.raises(BpttError, match="Replace it"):
        run(*SMALL, "--apply")
    assert (tmp_path / "remedied.safetensors").read_text() == "mine"
