"""The lag that each layer is judged at: half of its own steps, or what the user named where it is long enough."""

from dataclasses import replace

import numpy as np
import pytest

import bptt
from bptt.diagnosis import Diagnosis, assumed_lags, diagnose_traces, needed_lags
from bptt.gradients.by_step import by_step
from bptt.remedies.gain import log10_attenuation
from bptt.report import Report
from bptt.report.plain_words import key_numbers
from bptt.report.sentences import headline

torch = pytest.importorskip("torch")
nn = torch.nn
from bptt.torch_models import ModuleSubject  # noqa: E402


class Translator(nn.Module):
    """Reads 40 steps, writes 6: the decoder sees a mean of what the encoder saw."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.RNN(3, 8)
        self.decoder = nn.RNN(8, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        mean = self.encoder(x)[0].mean(0, keepdim=True)
        return self.head(self.decoder(mean.expand(6, -1, -1).contiguous())[0])


@pytest.fixture
def translator():
    torch.manual_seed(0)
    model = Translator()
    with torch.no_grad():  # each step keeps half of the signal: 1/8 over 3 steps, 1e-6 over 20
        for module in (model.encoder, model.decoder):
            module.weight_hh_l0.copy_(0.5 * torch.eye(8))
            module.weight_ih_l0.mul_(0.1)
            module.bias_ih_l0.zero_()
            module.bias_hh_l0.zero_()
    return model, torch.randn(40, 4, 3), lambda model, x: model(x).square().mean()


def test_half_of_each_module_s_own_steps(translator):
    report = bptt.diagnose(*translator)
    lags = {name: layer.needed_lag for name, layer in report.layers.items()}
    verdicts = {name: layer.verdict for name, layer in report.layers.items()}
    assert lags == {"encoder.0": 20, "decoder.0": 3}
    assert verdicts == {"encoder.0": "vanishing", "decoder.0": "steady"}
    assert report.diagnosis.decisive.name == "encoder.0"
    assert "lag 20 of encoder.0, lag 3 of decoder.0" in report.diagnosis.assumed[0]


def test_a_module_too_short_for_the_lag_that_was_named_is_not_judged_by_it(translator):
    report = bptt.diagnose(*translator, needed_lag=20)
    decoder = report.layers["decoder.0"]
    assert (decoder.needed_lag, decoder.verdict, decoder.cause.name) == (3, "steady", "none")
    assert report.diagnosis.assumed[:2] == (
        "The task needs lag 20, as you said.",
        "decoder.0 has 6 steps, too few for lag 20: it is judged at lag 3, half of them.",
    )


def test_a_module_that_is_long_enough_is_judged_by_it(translator):
    report = bptt.diagnose(*translator, needed_lag=4)
    assert {layer.needed_lag for layer in report.layers.values()} == {4}
    assert report.diagnosis.assumed[0] == "The task needs lag 4, as you said."


def test_a_module_that_is_too_short_does_not_decide(translator):
    """It fades within three steps, the encoder lasts for the twenty that the task needs."""
    model, x, loss = translator
    with torch.no_grad():
        model.decoder.weight_hh_l0.copy_(0.1 * torch.eye(8))
        model.encoder.weight_hh_l0.copy_(0.95 * torch.eye(8))
    report = bptt.diagnose(model, x, loss, needed_lag=20)
    assert report.layers["decoder.0"].verdict == "vanishing"
    assert (report.diagnosis.decisive.name, report.verdict) == ("encoder.0", "steady")
    assert bptt.diagnose(model, x, loss).diagnosis.decisive.name == "decoder.0"


def test_a_module_of_one_step_is_no_reason_to_stop(translator):
    class Once(Translator):
        def forward(self, x):
            return self.head(self.decoder(self.encoder(x)[0].mean(0, keepdim=True))[0])

    _, x, loss = translator
    report = bptt.diagnose(Once(), x, loss)
    assert report.layers["decoder.0"].needed_lag == 0
    assert report.layers["decoder.0"].verdict == "steady"


def test_the_monitor_judges_each_module_by_its_own_steps(translator):
    model, x, loss = translator
    lines = []
    monitor = bptt.Monitor(model, x, loss, log=lines.append)
    loss(model, x).backward()
    monitor.step()
    assert lines[0]["bptt/encoder.0/verdict"] == "vanishing"
    assert lines[0]["bptt/decoder.0/verdict"] == "steady"


def test_the_gain_that_keeps_the_signal_is_found_beside_a_short_module(translator):
    """A lag that the decoder does not have was once a signal of nothing."""
    remedies = bptt.diagnose(*translator, needed_lag=20).try_remedies(
        only=["gain"], budget=0, progress=False
    )
    assert not remedies.refused


class Passed(nn.Module):
    """The encoder's final state starts the decoder."""

    def __init__(self, kind):
        super().__init__()
        self.encoder, self.decoder = kind(3, 8), kind(3, 8)

    def forward(self, x):
        return self.decoder(x[:6], self.encoder(x)[1])[0]


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize(("read", "first"), [(slice(None), 1), (-1, 6), (3, 4)])
def test_half_of_an_encoder_s_steps_counts_from_where_the_loss_reaches_it(kind, read, first):
    """Read at the decoder's last step, the sixth, the encoder's first lag is 6."""
    torch.manual_seed(0)
    model, x = Passed(kind), torch.randn(40, 4, 3)

    def loss(model, x):
        return model(x)[read].square().mean()

    layers = bptt.diagnose(model, x, loss).layers
    assert layers["encoder.0"].profile.first_lag == first
    assert layers["encoder.0"].needed_lag == first + 20
    assert layers["decoder.0"].needed_lag == 3


def test_remedies_keep_the_signal_at_the_lags_that_are_judged():
    torch.manual_seed(0)
    model, x = Passed(nn.RNN), torch.randn(40, 4, 3)
    subject = ModuleSubject(model, x, lambda m, x: m(x)[-1].square().mean())
    judged = bptt.diagnose(model, x, subject.loss).layers.values()
    weakest = min(layer.log10_attenuation for layer in judged)
    assert log10_attenuation(subject, subject.needed) == pytest.approx(weakest, abs=1e-9)
    assert {layer.needed_lag for layer in judged} == {26, 3}


def test_lag_through_a_decoder_reaches_beyond_the_encoder_s_own_steps():
    """From the decoder's last step to the encoder's first there are 45 steps."""
    torch.manual_seed(0)
    report = bptt.diagnose(
        Passed(nn.LSTM), torch.randn(40, 4, 3), lambda m, x: m(x).square().mean(), needed_lag=45
    )
    assert report.layers["encoder.0"].needed_lag == 45
    assert report.layers["encoder.0"].cause.name != "loss out of reach"
    assert report.layers["decoder.0"].needed_lag == 3


def late(kept=0.5, silent=5):
    """A layer, its trace and a profile whose first lags have no signal, as behind a decoder of so many steps."""
    layer = bptt.RNN(np.eye(4), kept * np.eye(4), np.zeros(4), "identity")
    dh = np.zeros((30, 2, 4))
    dh[-1] = 1
    trace = layer.forward(np.ones((30, 2, 4)))
    profile = bptt.by_lag(trace, dh)
    none, zeros = np.full(silent, -np.inf), np.zeros(silent)
    shifted = replace(
        profile,
        log10_norm=np.append(none, profile.log10_norm),
        share=np.append(zeros, profile.share),
        log10_signal=np.append(none, profile.log10_signal),
        log10_signal_by_step=None,
        weight_gain=np.append(zeros * np.nan, profile.weight_gain),
        activation_gain=np.append(zeros * np.nan, profile.activation_gain),
        gain=np.append(zeros * np.nan, profile.gain),
        kept=np.concatenate([np.full((5, silent), np.nan), profile.kept], 1),
    )
    return trace, shifted, by_step(trace, dh)


def test_lags_without_a_signal_are_no_fault():
    """Behind a decoder of 5 steps the encoder's signal begins at lag 5: half of its 30 steps is lag 20."""
    trace, profile, steps = late(kept=0.9)
    needed = needed_lags(None, [trace], [profile])
    layer = diagnose_traces(["encoder.0"], [trace], [profile], [steps], needed)["encoder.0"]
    assert (profile.first_lag, layer.needed_lag, layer.verdict) == (5, 20, "steady")
    assert layer.log10_attenuation == pytest.approx(15 * np.log10(0.9))
    assert profile.log10_growth[5] == 0
    assumed = assumed_lags(None, ["encoder.0"], [trace], [profile], needed)
    assert "lag 20 of encoder.0" in assumed[0]
    assert "The loss reaches encoder.0 from lag 5 on" in assumed[1]


def test_the_report_speaks_of_the_lag_at_which_the_signal_begins():
    trace, profile, steps = late(kept=0.5)
    needed = needed_lags(None, [trace], [profile])
    layers = diagnose_traces(["encoder.0"], [trace], [profile], [steps], needed)
    assumed = assumed_lags(None, ["encoder.0"], [trace], [profile], needed)
    report = Report(Diagnosis(layers, 1.0, assumed))
    (layer,) = layers.values()
    assert headline(layer).startswith(
        "The error signal at lag 20 is only 3.1e-05 of what it is at lag 5."
    )
    assert "Lags 5 to 9 hold 95 %" in headline(layer)
    assert [layer.cause.number, layer.rate] == pytest.approx([np.log(0.5)] * 2)
    assert "over lags 5 to 20 W_R" in layer.cause.sentence
    assert key_numbers(report.stages())[2][2].startswith("As a part of its size 5 steps back")
    assert report.charts.by_lag.description.endswith(
        "from lags 5 to 9. The size of its part, ‖G_k‖, is 16 at lag 5 and 4.9e-04 at lag 20, which is needed."
    )
    assert "W_R multiplies the signal by 0.5" in report.charts.gains.description


def test_a_signal_that_grows_grows_from_there():
    trace, profile, steps = late(kept=1.3)
    layers = diagnose_traces(["encoder.0"], [trace], [profile], [steps], [20])
    (layer,) = layers.values()
    assert (layer.verdict, layer.cause.name) == ("exploding", "weights")
    assert headline(layer).startswith(
        "The error signal grows to 2e+03 times its size at lag 5, at lag 34."
    )
    assert layer.cause.number == pytest.approx(np.log(1.3))


def test_a_named_lag_counts_from_the_loss():
    trace, profile, _ = late()
    assert needed_lags(12, [trace], [profile]) == [12]
    assert needed_lags(3, [trace], [profile]) == [5]  # before the layer's past begins
    assert needed_lags(34, [trace], [profile]) == [34]  # 5 lags of the decoder, 30 of its own
    assert needed_lags(35, [trace], [profile]) == [20]
    assert needed_lags(None, [trace], [profile], max_lag=18) == [18]
