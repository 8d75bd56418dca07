"""The trainers of others, with real data: which gradients a callback sees, and where the dict ends up."""

import json

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from bptt.errors import OptionError
from bptt.monitor import LightningCallback, TrainerCallback
from tests.monitor.models import loss, made, total, vowels

STEPS = 5


class Rows(torch.utils.data.Dataset):
    """Sequences of JapaneseVowels one by one, (T, 12) and a class; T steps each."""

    def __init__(self, count=40):
        self.x, self.y = vowels(0, count)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, k):
        return {"x": self.x[:, k], "labels": self.y[k]}


def time_first(rows):
    return torch.stack([row["x"] for row in rows], 1), torch.stack([row["labels"] for row in rows])


pl = pytest.importorskip("pytorch_lightning")


class Lit(pl.LightningModule):
    """The classifier; it notes the norms before and after clipping itself."""

    def __init__(self):
        super().__init__()
        self.model, self.norms = made(), []

    def forward(self, x):
        return self.model(x)

    def training_step(self, batch):
        return loss(self.model, batch)

    def configure_gradient_clipping(self, optimizer, gradient_clip_val, gradient_clip_algorithm):
        before = total(self)
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        self.norms.append((before, total(self)))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


def fit(callback, folder, logger=False, clip=0.5, **options):
    torch.manual_seed(0)
    model = Lit()
    trainer = pl.Trainer(
        max_steps=STEPS, accelerator="cpu", callbacks=[callback] if callback else [], logger=logger,
        gradient_clip_val=clip, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder, log_every_n_steps=1, **options,
    )  # fmt: skip
    trainer.fit(model, torch.utils.data.DataLoader(Rows(), 8, collate_fn=time_first))
    return model


# Lightning's own: it wants worker processes for the data, and speaks to parts of PyTorch that are to go.
quiet = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore::FutureWarning:pytorch_lightning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pytorch_lightning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


def fails_after(count, loss=loss):
    """The loss, until it was computed so often: twice by the trial, then three times by each measurement."""
    calls = []

    def moody(model, batch):
        calls.append(1)
        if len(calls) > count:
            raise RuntimeError("out of memory")
        return loss(model, batch)

    return moody


class TestLightning:
    pytestmark = quiet

    def test_gradients_before_clipping(self, tmp_path):
        lines = []
        model = fit(LightningCallback(vowels(), loss, every=2, log=lines.append), tmp_path)
        assert [line["step"] for line in lines] == [0, 2, 4]
        for line, (before, after) in zip(lines, model.norms[::2], strict=True):
            assert before > after  # it binds
            assert line["bptt/grad_norm_before_clip"] == pytest.approx(before, rel=1e-6)
            assert line["bptt/grad_norm_after_clip"] is None
            assert line["bptt/gradients_seen"] == "before clipping"
            assert line["bptt/clipped_share"] == 1
            assert line["bptt/model.rnn.0/verdict"] in ("vanishing", "steady", "exploding")

    def test_an_error_at_the_second_measurement_does_not_end_the_training(self, tmp_path, caplog):
        lines = []
        model = fit(
            LightningCallback(vowels(), fails_after(3), every=2, log=lines.append), tmp_path
        )
        assert len(model.norms) == STEPS
        assert [line["bptt/problem"] for line in lines] == [
            None,
            *["RuntimeError: out of memory"] * 2,
        ]
        assert [record.name for record in caplog.records].count("bptt") == 1

    def test_a_batch_that_does_not_fit_is_refused_before_the_first_step(self, tmp_path):
        x, labels = vowels()
        with pytest.raises(OptionError, match="can be computed on the monitor's batch"):
            fit(LightningCallback((x[..., :3], labels), loss, log=[].append), tmp_path)

    def test_what_a_training_step_logs_is_logged_once(self, tmp_path):
        """The loss of the monitor is the module's own training step, which logs."""

        class Logs(Lit):
            def training_step(self, batch):
                E = super().training_step(batch)
                self.log("train_loss", E)
                logged.append(E.item())
                return E

        logged, lines, seen = [], [], []

        class Notes(pl.Callback):
            def on_train_batch_end(self, trainer, *given):
                seen.append(float(trainer.callback_metrics["train_loss"]))

        torch.manual_seed(0)
        callback = LightningCallback(
            vowels(), lambda lit, batch: lit.training_step(batch), 2, lines.append
        )
        trainer = pl.Trainer(
            max_steps=3, accelerator="cpu", callbacks=[callback, Notes()], logger=False, default_root_dir=tmp_path,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(Logs(), torch.utils.data.DataLoader(Rows(), 8, collate_fn=time_first))
        assert [line["bptt/problem"] for line in lines] == [None, None]
        assert (
            len(logged) == 3 + 2 + 2
        )  # the training's, the trial's two, and one of each measurement
        assert seen == pytest.approx([logged[n] for n in (2, 4, 5)])

    def test_clipping_by_value_that_never_binds(self, tmp_path):
        lines = []
        callback = LightningCallback(vowels(), loss, every=2, log=lines.append)
        fit(callback, tmp_path, clip=100.0, gradient_clip_algorithm="value")
        assert [line["bptt/clipped_share"] for line in lines] == [0, 0, 0]

    def test_training_is_the_same_bit_for_bit(self, tmp_path):
        alone = fit(None, tmp_path)
        with_it = fit(LightningCallback(vowels(), loss, 2, log=[].append), tmp_path)
        for a, b in zip(alone.parameters(), with_it.parameters(), strict=True):
            assert torch.equal(a, b)

    def test_the_trainers_loggers(self, tmp_path, monkeypatch):
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        mlflow = pytest.importorskip("mlflow")
        from pytorch_lightning.loggers import CSVLogger, MLFlowLogger

        uri = (tmp_path / "mlruns").as_uri()
        loggers = [CSVLogger(tmp_path), MLFlowLogger("bptt", tracking_uri=uri)]
        fit(LightningCallback(vowels(), loss, every=2), tmp_path, loggers)
        rows = (tmp_path / "lightning_logs/version_0/metrics.csv").read_text().splitlines()
        horizon = rows[0].split(",").index("bptt/model.rnn.0/horizon")
        in_csv = [float(row.split(",")[horizon]) for row in rows[1:]]
        client = mlflow.MlflowClient(uri)
        history = client.get_metric_history(loggers[1].run_id, "bptt/model.rnn.0/horizon")
        assert [m.step for m in history] == [0, 2, 4]
        assert [m.value for m in history] == in_csv


class Speaker(nn.Module):
    """As the Hugging Face Trainer wants it: called by name, gives back a loss."""

    def __init__(self):
        super().__init__()
        self.model = made()

    def forward(self, x, labels):
        return {"loss": loss(self.model, (x.transpose(0, 1), labels))}


def speaker_loss(model, batch):
    return model(**batch)["loss"]


class TestHuggingFace:
    def train(self, folder, callbacks, max_grad_norm=0.5):
        transformers = pytest.importorskip("transformers")
        torch.manual_seed(0)
        model = Speaker()
        arguments = transformers.TrainingArguments(
            str(folder), max_steps=STEPS, per_device_train_batch_size=8, max_grad_norm=max_grad_norm,
            report_to="none", logging_steps=1, save_strategy="no", use_cpu=True, seed=1,
            disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = transformers.Trainer(model, arguments, train_dataset=Rows(), callbacks=callbacks)
        trainer.train()
        return model, [h["grad_norm"] for h in trainer.state.log_history if "grad_norm" in h]

    def test_an_error_at_the_second_measurement_does_not_end_the_training(self, tmp_path, caplog):
        lines, moody = [], fails_after(3, speaker_loss)
        _, norms = self.train(tmp_path, [TrainerCallback(self.batch(), moody, 2, lines.append)])
        assert len(norms) == STEPS
        assert [line["bptt/problem"] for line in lines] == [
            None,
            *["RuntimeError: out of memory"] * 2,
        ]
        assert [record.name for record in caplog.records].count("bptt") == 1

    def batch(self):
        x, labels = vowels()
        return {"x": x.transpose(0, 1), "labels": labels}

    def test_gradients_after_clipping(self, tmp_path):
        callback = TrainerCallback(self.batch(), speaker_loss, every=2)
        _, before = self.train(tmp_path, [callback])
        lines = [json.loads(text) for text in (tmp_path / "bptt.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [0, 2, 4]
        assert min(before) > 0.5  # the Trainer's own log has the norm before clipping: it binds
        for line in lines:
            assert line["bptt/grad_norm_after_clip"] == pytest.approx(0.5, rel=1e-4)
            assert line["bptt/grad_norm_before_clip"] is None
            assert line["bptt/clipped_share"] is None
            assert line["bptt/gradients_seen"] == "after clipping"
            assert line["bptt/model.rnn.0/horizon"] > 0

    def test_training_is_the_same_bit_for_bit(self, tmp_path):
        alone, _ = self.train(tmp_path, [])
        callback = TrainerCallback(self.batch(), speaker_loss, 2, log=[].append)
        with_it, _ = self.train(tmp_path, [callback])
        for a, b in zip(alone.parameters(), with_it.parameters(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("callback", [LightningCallback, TrainerCallback])
def test_bad_numbers_are_refused_before_the_training_begins(callback):
    for name, value in (("every", 0), ("every", 2.5), ("needed_lag", 2.5), ("max_lag", -1)):
        with pytest.raises(OptionError, match=f"{name}: expected a whole number from"):
            callback(None, loss, **{name: value})
