"""The same dict, read back from where each logger keeps it."""

import json
import logging

import pytest

pytest.importorskip("torch")


import bptt
from bptt.errors import FileError, OptionError
from bptt.monitor.loggers import logger_for
from tests.monitor.models import loss, made, train, vowels


def logged(log, steps=3):
    """Train a few steps; the dicts as a function gets them, beside what ``log`` got."""
    model, lines = made("RNN"), []
    with bptt.Monitor(model, vowels(), loss, every=2, log=[log, lines.append]):
        train(model, steps)
    return lines


def numbers(line):
    return {n: v for n, v in line.items() if isinstance(v, int | float) and n != "step"}


def test_a_file_of_lines(tmp_path):
    path = tmp_path / "run.jsonl"
    lines = logged(path)
    assert [json.loads(text) for text in path.read_text().splitlines()] == lines
    assert logged(str(path)) == lines  # added to what is there
    assert len(path.read_text().splitlines()) == 4


def test_bptt_jsonl_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = logged(None)
    assert [json.loads(t) for t in (tmp_path / "bptt.jsonl").read_text().splitlines()] == lines


def test_no_nan_in_the_file(tmp_path):
    write = logger_for(tmp_path / "run.jsonl")
    write({"bptt/grad_norm_after_clip": None}, 3)
    assert (
        tmp_path / "run.jsonl"
    ).read_text() == '{"step": 3, "bptt/grad_norm_after_clip": null}\n'


def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        lines = logged(writer)
    events = EventAccumulator(str(tmp_path)).Reload()
    for line in lines:
        for name, value in numbers(line).items():
            (event,) = [e for e in events.Scalars(name) if e.step == line["step"]]
            assert event.value == pytest.approx(value, rel=1e-6, abs=1e-30)
    verdicts = events.Tensors("bptt/rnn.0/verdict/text_summary")
    read = [event.tensor_proto.string_val[0].decode() for event in verdicts]
    assert read == [line["bptt/rnn.0/verdict"] for line in lines]


def test_mlflow(tmp_path, monkeypatch):
    # The plain-file store is in maintenance: it says so, and asks to be told that one wants it.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(tmp_path.as_uri())
    mlflow.set_experiment("bptt")
    with mlflow.start_run() as run:
        lines = logged(mlflow)
    client = mlflow.MlflowClient()
    for line in lines:
        for name, value in numbers(line).items():
            history = client.get_metric_history(run.info.run_id, name)
            assert [m.value for m in history if m.step == line["step"]] == [value]


class Calls:
    """Writes down what its one method is called with."""

    def __init__(self):
        self.calls = []


def test_wandb():
    """A stand-in: an object with wandb.Run.log's signature, and nothing else."""

    class Run(Calls):
        def log(self, data, step=None, commit=None):
            self.calls.append((step, data))

    run = Run()
    lines = logged(run)
    expected = [
        (line["step"], {n: v for n, v in line.items() if v is not None and n != "step"})
        for line in lines
    ]
    assert run.calls == expected


def test_aim():
    """A stand-in: an object with aim.Run.track's signature, and nothing else."""

    class Run(Calls):
        def track(self, value, name=None, step=None, epoch=None, *, context=None):
            self.calls.append((step, name, value))

    run = Run()
    lines = logged(run)
    assert run.calls == [(x["step"], name, v) for x in lines for name, v in numbers(x).items()]


def test_clearml():
    """A stand-in: an object with clearml.Logger.report_scalar's signature, and nothing else."""

    class Logger(Calls):
        def report_scalar(self, title, series, value, iteration):
            self.calls.append((iteration, f"{title}/{series}", value))

    logger = Logger()
    lines = logged(logger)
    assert logger.calls == [(x["step"], name, v) for x in lines for name, v in numbers(x).items()]


def test_an_object_that_is_none_of_these():
    for wrong in (3, object(), logging.getLogger("bptt")):
        with pytest.raises(OptionError, match="log: expected a path, a function"):
            logger_for(wrong)


def test_a_path_that_cannot_be_written(tmp_path):
    with pytest.raises(FileError, match="a place to write to"):
        logger_for(tmp_path / "nowhere" / "run.jsonl")
