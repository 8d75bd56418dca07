"""A remedy that would change nothing for the better is refused, and the words fit layers of other lengths."""

from dataclasses import replace

import numpy as np
import pytest

import bptt
from bptt.errors import OptionError
from bptt.report.remedies.sentences import begins_at, columns, judged_at
from tests.remedies.test_remedies import H, change, subject_of


def test_the_identity_with_relu_is_not_set_again():
    subject = subject_of().changed(change("identity-relu", subject_of()).layers)
    with pytest.raises(OptionError, match="W_R the identity, b zero, relu"):
        change("identity-relu", subject)


@pytest.mark.parametrize(("name", "cell"), [("forget-bias", "lstm"), ("update-bias", "gru")])
def test_a_gate_that_is_more_open_is_not_closed(name, cell):
    subject = subject_of(cell)
    layers = subject.layers
    layers[0].b[H : 2 * H] = 2.5
    with pytest.raises(OptionError, match=r"below 2\.10, got 2\.50 on average"):
        change(name, subject.changed(layers))


def test_of_two_layers_the_closed_one_is_opened():
    subject = subject_of("lstm", layers=2)
    layers = subject.layers
    layers[0].b[H : 2 * H], layers[1].b[H : 2 * H] = 2.5, 0.25
    opened = change("forget-bias", subject.changed(layers))
    assert (opened.layers[0].b[H : 2 * H] == 2.5).all()
    b = opened.layers[1].b[H]
    assert (opened.layers[1].b[H : 2 * H] == b).all()
    assert (1 + np.exp(-b)) ** -20 == pytest.approx(0.1)
    assert opened.sentences == (
        f"b of the forget gate {b:.2f} instead of 0.25 on average: alone it keeps 10 % of the signal over 20 steps",
    )


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_chrono_is_not_drawn_again(cell):
    subject = subject_of(cell)
    subject = subject.changed(change("chrono", subject).layers)
    with pytest.raises(OptionError, match="biases like these already"):
        change("chrono", subject, seed=1)


def test_the_lag_is_named_only_where_it_is_that_of_every_row():
    """An encoder of 40 steps decides one row, a decoder of 10 the other."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.RNN(3, 8), nn.RNN(8, 8)

        def forward(self, x):
            mean = self.encoder(x)[0].mean(0, keepdim=True)
            return self.decoder(mean.expand(10, -1, -1).contiguous())[0]

    torch.manual_seed(0)
    report = bptt.diagnose(
        Translator(), torch.randn(40, 4, 3), lambda model, x: model(x)[-1].square().mean()
    )
    ranking = report.try_remedies(only=["orthogonal"], budget=0, progress=False)
    before = ranking.before
    assert columns(ranking)[0][3] == "signal at lag 20"
    alone = {"decoder.0": before.diagnosis.layers["decoder.0"]}
    other = replace(before, name="orthogonal", diagnosis=replace(before.diagnosis, layers=alone))
    mixed = replace(ranking, tried=(before, other))
    assert columns(mixed)[0][3] == "signal at the needed lag"
    assert (judged_at([other]), begins_at([before, other])) == ("lag 5", "lag 0")
