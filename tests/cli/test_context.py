"""An option without effect is refused, and an error names the option at fault."""

import numpy as np
import pytest

pytest.importorskip("typer")

import typer
from typer.testing import CliRunner

import bptt
from bptt.cli import app
from bptt.cli.context import spoken
from bptt.errors import BpttError, FileError, OptionError

# What the user wrote -> the options that the error must name, all of them and no other.
IGNORED = {
    "diagnose --data adding --inputs a --target b --sequence c --batch-first":
        "--inputs, --target, --sequence and --batch-first",
    "diagnose --model own --cell lstm --hidden 999 --updates 7": "--cell, --hidden and --updates",
    "diagnose --model own --layers 2 --bidirectional --init glorot --gain 2 --seed 1":
        "--layers, --bidirectional, --init, --gain and --seed",
    "diagnose --model own --activation relu": "--activation",
    "diagnose --model own --recurrent rnn": "--recurrent",
    "diagnose --cell gru --activation relu": "--activation",
    "diagnose --recurrent rnn --readout fc": "--recurrent and --readout",
    "diagnose --data b.npz --length 9": "--length",
    "diagnose --no-report --report a.html": "--report",
    "diagnose --model torch --data b.npz --activation tanh": "--activation",
    "remedies --data adding --inputs a --target b --sequence c --batch-first":
        "--inputs, --target, --sequence and --batch-first",
    "remedies --model own --cell lstm --layers 2 --hidden 5 --bidirectional --init glorot --gain 2":
        "--cell, --layers, --hidden, --bidirectional, --init and --gain",
    "remedies --cell lstm --activation tanh": "--activation",
    "remedies --recurrent rnn --readout fc": "--recurrent and --readout",
    "remedies --data b.npz --length 9": "--length",
    "remedies --no-report --report a.html": "--report",
    "remedies --remedy gain --out a --overwrite": "--remedy, --out and --overwrite",
    "prognosis --data adding --inputs a --target b --sequence c --batch-first":
        "--inputs, --target, --sequence and --batch-first",
    "prognosis --model own --cell lstm --layers 2 --hidden 5 --bidirectional --init glorot --gain 2":
        "--cell, --layers, --hidden, --bidirectional, --init and --gain",
    "prognosis --cell lstm --activation tanh": "--activation",
    "prognosis --recurrent rnn --readout fc": "--recurrent and --readout",
    "prognosis --data b.npz --length 9": "--length",
    "prognosis --data adding --window 80": "--window",
    "prognosis --curriculum drawn:5:9": "--curriculum",
    "prognosis --no-report --report a.html": "--report",
    "diagnose --layers 2 --all --json": "--all",
    "remedies --budget 0 --clip 2": "--clip",
    "remedies --budget 0 --lr 0.1": "--lr",
    "remedies --budget 0 --only gain --batch 8": "--batch",
    "train --data adding --inputs a --target b --sequence c --batch-first":
        "--inputs, --target, --sequence and --batch-first",
    "train --resume --out own --cell lstm --layers 2 --hidden 5 --bidirectional --activation relu":
        "--cell, --layers, --hidden, --bidirectional and --activation",
    "train --resume --out own --init glorot --gain 2 --seed 3 --init-from own --overwrite":
        "--init, --gain, --seed, --init-from and --overwrite",
    "train --init-from own --cell lstm --seed 4": "--cell and --seed",
    "train --cell lstm --activation tanh": "--activation",
    "train --optimizer adam --momentum 0.5": "--momentum",
    "train --data b.npz --length 9": "--length",
    "train --data-seed 4": "--data-seed",
    "train --data adding --window 80": "--window",
    "train --curriculum drawn:5:9": "--curriculum",
    "verify --data adding --inputs a --target b --sequence c --batch-first":
        "--inputs, --target, --sequence and --batch-first",
    "verify --model own --cell lstm --layers 2 --hidden 5 --bidirectional --init glorot --gain 2":
        "--cell, --layers, --hidden, --bidirectional, --init and --gain",
    "verify --cell gru --activation relu": "--activation",
    "verify --model own --activation relu": "--activation",
    "verify --recurrent rnn --readout fc": "--recurrent and --readout",
    "derive --json --latex": "--latex",
    "lab --export a.html --port 9 --host 0.0.0.0 --token a --headless": "--port, --host, --token and --no-browser",
    "sweep --gain 1,2 --inputs a --target b --sequence c --time-first":
        "--inputs, --target, --sequence and --batch-first",
    "sweep --gain 1,2 --x gain --y bias --colour rate --split cell":
        "--x, --y, --colour and --split",
    "sweep --export r.csv --sample 3 --sample-seed 1 --train-updates 2 --lr 1 --engine threads":
        "--sample, --sample-seed, --train-updates, --lr and --engine",
    "sweep --map m.html --workers 3 --address a --retry-failed --refine 2 --no-curves":
        "--workers, --address, --retry-failed, --refine and --no-curves",
    "sweep --gain 1,2 --width 90 --style s.toml": "--width and --style",
    "diagnose --width 90 --style s.toml": "--width and --style",
    "compare a.json --width 90 --style s.toml": "--width and --style",
    "compare a.json --by init --where gain=1": "--by and --where",
    "sweep --gain 1,2 --sample-seed 1": "--sample-seed",
    "sweep --gain 1,2 --lr 0.1": "--lr",
    "sweep --gain 1,2 --rows layers": "--rows",
    "sweep --cell lstm,gru --activation relu": "--activation",
    "sweep --gain 1,2 --data vowels,b.npz --length 9": "--length",
    "sweep --gain 1,2 --address tcp://a:1": "--address",
}  # fmt: skip

# Options that always have an effect, or are refused above their choices by the library itself.
ALWAYS = {
    "diagnose": "model data needed_lag truncation max_lag batch no_report figure json",
    "compare": "reports what band layer stage out json",
    "doctor": "json",
    "prognosis": "model data needed_lag budget lr batch clip omega seed no_report json",
    "remedies": "model data needed_lag only budget seed apply no_report json",
    "train": "data out init_from updates curriculum batch optimizer lr schedule clip omega evaluate_every "
    "patience until checkpoint_every resume json",
    "verify": "model data seed length batch entries json",
    "derive": "steps form json",
    "tasks": "length json",
    "lab": "export",
    "sweep": "file out cell init gain input_variance bias hidden layers batch seed data loss_at dtype export "
    "map json",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bptt.Network.init(2, 3, 1, loss="mse", loss_at="last", rng=0).save("own", {"data": "adding"})
    rng = np.random.default_rng(0)
    np.savez("b.npz", x=rng.normal(size=(9, 7, 3)), targets=np.arange(7) % 2)
    sizes = {"weight_ih_l0": (24, 3), "weight_hh_l0": (24, 8)}
    weights = {f"rnn.{name}": rng.normal(size=size).astype("f4") for name, size in sizes.items()}
    weights["fc.weight"] = np.ones((2, 8), "f4")
    bptt.files.write_tensors("torch", weights, {})
    return tmp_path


def invoke(words):
    return CliRunner().invoke(app, words.split(), catch_exceptions=False)


@pytest.mark.parametrize("words", IGNORED)
def test_an_option_without_effect_is_an_error_that_says_so(words, folder):
    before = sorted(folder.iterdir())
    with pytest.raises(BpttError) as raised:
        invoke(words)
    assert raised.value.argument == IGNORED[words]
    assert sorted(folder.iterdir()) == before


def test_every_option_was_thought_of():
    for name, command in typer.main.get_command(app).commands.items():
        options = {p.name: p.opts[0] for p in command.params}
        refused = {
            option
            for words, named in IGNORED.items() if words.startswith(f"{name} ")
            for option in named.replace(" and ", ", ").split(", ")
        }  # fmt: skip
        always = set(ALWAYS[name].split())
        assert always <= set(options)
        for option, spelt in options.items():
            assert option in always or spelt in refused, f"{name} {spelt}"


def test_a_default_is_not_an_option_that_was_given(folder):
    done = invoke("diagnose --model own --no-report --json")
    assert done.exit_code == 0


def test_the_option_at_fault_is_named(folder):
    for words, option in {
        "diagnose --init he": "--init",  # the library calls it scheme
        "diagnose --needed-lag 400": "--needed-lag",
        "diagnose --no-report --batch 0": "--batch",
        "verify --entries 0": "--entries",
        "tasks --length 0": "--length",
        "derive --form tensor": "--form",
        "train --data adding --updates 0": "--updates",
        "remedies --only magic": "--only",
        "sweep --gain x": "--gain",
        "train --data adding --data-seed -1": "--data-seed",
        "train --seed -1": "--seed",
        "train --schedule cosine:0": "--schedule",
        "train --until well": "--until",
        "train --data order2 --curriculum drawn:3:20": "--curriculum",
        "train --data adding --curriculum drawn:20:3": "--curriculum",
        "train --lr -1": "--lr",
        "train --optimizer lion": "--optimizer",
        "train --patience 0": "--patience",
        "train --clip -1": "--clip",
        "remedies --only gain --budget 3": "--budget",
    }.items():
        with pytest.raises(OptionError) as raised:
            invoke(words)
        assert raised.value.argument == option, words


def test_the_cure_is_said_with_options():
    options = {"activation": "--activation", "hidden": "--hidden", "data": "--data"}
    error = OptionError("hidden", "a size", "0", "Pass hidden=1, or activation='relu' and x=3.")
    told = spoken(error, options)
    assert type(told) is OptionError
    assert told.cure == "Pass --hidden 1, or --activation relu and x=3."
    error = OptionError("max_lag", "more", "5", "Compute more lags, or pass a smaller needed_lag.")
    assert spoken(error, {"needed_lag": "--needed-lag"}).cure.endswith("a smaller --needed-lag.")
    file = FileError("data", "a text", "nothing", "Check the path.")
    assert spoken(file, options) is file  # a file that happens to have such a name


def test_pytorchs_choices_are_asked_for_as_options(folder):
    rng = np.random.default_rng(0)
    weights = {"rnn.weight_ih_l0": rng.normal(size=(8, 3)), "rnn.weight_hh_l0": np.eye(8)}
    bptt.files.write_tensors("plain", weights | {"fc.weight": np.ones((2, 8))}, {})
    with pytest.raises(
        OptionError, match=r"--activation: .* Pass --activation tanh, .* or --activation relu"
    ):
        invoke("diagnose --model plain --data b.npz")
