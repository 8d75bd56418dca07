"""A large batch is taken apart in part: what is left out, what is compared, and what stays as it was."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import bptt
from bptt.errors import OptionError
from bptt.kernels import speed
from bptt.torch_models.decompose import Bounds, decompose
from bptt.torch_models.decompose.bounds import Spent

D = torch.float64


class Reader(nn.Module):
    def __init__(self, rnn, packed=False, last=False):
        super().__init__()
        self.rnn, self.packed, self.last = rnn, packed, last

    def forward(self, x):
        if self.packed:
            x = pack_padded_sequence(x, torch.tensor([9, 9, 8, 6, 6, 5, 3]))
        out, final = self.rnn(x)
        if self.packed:
            out = pad_packed_sequence(out)[0]
        final = final if isinstance(final, tuple) else (final,)
        parts = final if self.last else (out, *final)
        return sum((torch.sin(3 * part) * part).sum() for part in parts)


def take(model, x, **bounds):
    return decompose(model, x, lambda model, x: model(x), bounds=Bounds(**bounds))


CASES = {
    "lstm": lambda: Reader(nn.LSTM(3, 6, 2, dtype=D)),
    "gru": lambda: Reader(nn.GRU(3, 6, dtype=D)),
    "rnn, both directions": lambda: Reader(nn.RNN(3, 6, 2, bidirectional=True, dtype=D)),
    "projection": lambda: Reader(nn.LSTM(3, 6, proj_size=4, dtype=D)),
    "packed": lambda: Reader(nn.GRU(3, 6, 2, dtype=D), packed=True),
    "dropout, packed": lambda: Reader(nn.LSTM(3, 6, 2, dropout=0.5, dtype=D), packed=True),
    "dropout": lambda: Reader(nn.LSTM(3, 6, 2, dropout=0.5, dtype=D)),
}


@pytest.mark.parametrize("case", CASES)
def test_drawn_sequences_are_those_of_the_batch(case):
    """The same errors by a loss that sees these sequences alone, in the whole batch."""
    torch.manual_seed(0)
    model, x = CASES[case](), torch.randn(9, 7, 3, dtype=D)
    parts = take(model, x, sequences=3, seed=5)
    chosen = np.sort(np.random.default_rng(5).permutation(7)[:3])
    seen = torch.zeros(1, 7, 1, dtype=D)
    seen[:, chosen] = 1

    def alone(model, x):
        rnn, forward = model.rnn, model.rnn.forward

        def masked(*args):
            out, final = forward(*args)
            own = final if isinstance(final, tuple) else (final,)
            own = tuple(state * seen for state in own)
            if model.packed:
                padded, lengths = pad_packed_sequence(out)
                out = pack_padded_sequence(padded * seen, lengths)
            else:
                out = out * seen
            return out, own if isinstance(final, tuple) else own[0]

        rnn.forward = masked
        try:
            return model(x)
        finally:
            del rnn.forward

    whole = decompose(model, x, alone, bounds=Bounds(sequences="all"))
    assert parts.names == whole.names
    for own, expected in zip(parts.profiles, whole.profiles, strict=True):
        K = len(expected.log10_norm)
        close = np.allclose(own.log10_norm[:K], expected.log10_norm, rtol=0, atol=1e-11)
        assert close or (own.log10_norm[:K] == -np.inf).any()
        assert np.allclose(own.log10_signal[:K], expected.log10_signal, rtol=0, atol=1e-11)
        assert own.apart.log10_norm.shape[1] == 3
    assert any("3 of 7 sequences, drawn with seed 5" in remark for remark in parts.remarks)
    assert len(parts.checked) == len(parts.names)


@pytest.mark.parametrize("at_once", [0.0, 2e10])  # a few sequences at a time, and all of them
def test_the_gradient_of_all_sequences_is_compared(at_once, monkeypatch):
    from bptt.errors import AgreementError
    from bptt.torch_models.decompose import within_bounds
    from bptt.torch_models.replay import in_portions

    torch.manual_seed(0)
    model, x = Reader(nn.LSTM(3, 6, dtype=D)), torch.randn(9, 7, 3, dtype=D)
    gradient_of = in_portions.gradient_of
    monkeypatch.setattr(within_bounds, "AT_ONCE", at_once)
    for room in (in_portions, within_bounds):
        monkeypatch.setattr(
            room, "gradient_of", lambda *given: [1.001 * dW for dW in gradient_of(*given)]
        )
    with pytest.raises(AgreementError, match="lags that add up to autograd's"):
        take(model, x, sequences=3)


@pytest.mark.parametrize("case", ["lstm", "rnn, both directions", "projection", "packed"])
def test_where_time_is_short_the_sequences_taken_are_compared_with_autograd_alone(
    case, monkeypatch
):
    """Comparing all of them takes as long as a training step: what is left of the time decides how many are."""
    torch.manual_seed(0)
    model, x = CASES[case](), torch.randn(9, 7, 3, dtype=D)
    plenty = take(model, x, sequences=2, seed=3)
    monkeypatch.setattr(Bounds, "compared", lambda *given: 0.0)
    short = take(model, x, sequences=2, seed=3)
    assert np.array_equal(short.profiles[0].log10_norm, plenty.profiles[0].log10_norm)
    assert "gradient of all is compared" in " ".join(plenty.remarks)
    assert "that of 2 of the sequences, those taken apart among them, is compared" in " ".join(
        short.remarks
    )
    assert all("of the same sequences, to" in line for line in short.checked)
    from bptt.errors import AgreementError
    from bptt.torch_models.replay import in_portions

    by_autograd = in_portions._by_autograd
    monkeypatch.setattr(
        in_portions, "_by_autograd", lambda *given: [1.001 * dW for dW in by_autograd(*given)]
    )
    with pytest.raises(AgreementError, match="lags that add up to autograd's"):
        take(model, x, sequences=2, seed=3)


def test_the_time_that_is_left_says_how_many_are_compared():
    spent = Spent(seconds=10.0, check=speed.per_second() * 30.0)  # which takes 60 s
    assert Bounds().compared(spent) == pytest.approx(1 / 6, rel=0.01)
    assert Bounds(seconds=100).compared(spent) == 1
    assert Bounds(seconds=5).compared(spent) == 0


def test_of_the_others_as_many_are_compared_as_there_is_time_for(monkeypatch):
    monkeypatch.setattr(Bounds, "compared", lambda *given: 5 / 7)
    torch.manual_seed(0)
    model, x = CASES["lstm"](), torch.randn(9, 7, 3, dtype=D)
    said = " ".join(take(model, x, sequences=2).remarks)
    assert "2 of 7 sequences" in said
    assert "that of 5 of the sequences, those taken apart among them, is compared" in said
    dropped = CASES["dropout"]()
    assert "gradient of all is compared" in " ".join(take(dropped, x, sequences=2).remarks)


def test_loss_steps_are_left_out_where_sequences_alone_do_not_do():
    torch.manual_seed(0)
    model, x = Reader(nn.LSTM(3, 6)), torch.randn(400, 16, 3)
    everything = take(model, x, sequences="all")
    parts = take(model, x, worth=1.5e8)
    (profile,), (whole,) = parts.profiles, everything.profiles
    rows = np.isfinite(profile.log10_signal_by_step).any(1).nonzero()[0]
    assert 32 <= len(rows) < 100
    assert len(set(np.diff(rows))) == 1
    assert rows[-1] == 399
    assert len(profile.log10_signal) == len(whole.log10_signal), "the signal goes on"
    assert abs(profile.horizon() - whole.horizon()) <= 2
    assert np.allclose(profile.log10_signal[:300], whole.log10_signal[:300], atol=1.0)
    assert any("one in" in remark and "8 of 16" in remark for remark in parts.remarks)


def test_where_the_loss_is_taken_at_the_end_alone_no_loss_step_is_left_out():
    torch.manual_seed(0)
    parts = take(Reader(nn.GRU(3, 6), last=True), torch.randn(200, 30, 3), seconds=1e-5)
    assert len(parts.profiles[0].log10_signal) == 200
    assert not any("loss steps" in remark for remark in parts.remarks)
    assert any("of 30 sequences" in remark for remark in parts.remarks)


def test_what_fits_is_taken_as_a_whole():
    torch.manual_seed(0)
    model, x = Reader(nn.GRU(3, 6)), torch.randn(20, 30, 3)
    parts = take(model, x)
    assert parts.profiles[0].apart is None
    assert not any("drawn" in remark for remark in parts.remarks)
    whole = take(model, x, sequences="all").profiles[0]
    assert np.array_equal(parts.profiles[0].log10_norm, whole.log10_norm)


def test_cells_in_a_loop_too():
    class Looped(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.GRUCell(3, 6, dtype=D)

        def forward(self, x):
            h, E = torch.zeros(x.shape[1], 6, dtype=D), 0
            for x_t in x:
                h = self.cell(x_t, h)
                E = E + (torch.sin(3 * h) * h).sum()
            return E

    torch.manual_seed(0)
    model, x = Looped(), torch.randn(9, 7, 3, dtype=D)
    parts = take(model, x, sequences=3, seed=1)
    chosen = np.sort(np.random.default_rng(1).permutation(7)[:3])
    alone = decompose(model, x[:, chosen], lambda model, x: model(x)).profiles[0]
    assert np.allclose(parts.profiles[0].log10_norm, alone.log10_norm, rtol=0, atol=1e-11)
    assert any("3 of 7 sequences" in remark for remark in parts.remarks)


def test_memory_bounds_what_is_taken():
    torch.manual_seed(0)
    parts = take(Reader(nn.LSTM(3, 16)), torch.randn(100, 40, 3), memory=2e6)
    assert any("of 40 sequences" in remark for remark in parts.remarks)


@pytest.mark.parametrize(
    ("name", "value"), [("sequences", "some"), ("sequences", 0), ("memory", -1.0), ("seconds", 0)]
)
def test_bounds_that_bound_nothing_are_refused(name, value):
    with pytest.raises(OptionError, match=name):
        replace(Bounds(), **{name: value})


def test_the_report_says_how_a_batch_was_read():
    torch.manual_seed(0)
    rnn, x = nn.GRU(3, 6), torch.randn(20, 30, 3)
    report = bptt.diagnose(rnn, x, lambda model, x: model(x)[0].square().mean())
    assert report.facts == (("Read", "20 steps × 30 sequences"),)
    assert "Read: 20 steps × 30 sequences." in str(report)


def test_a_missing_batch_first_is_named():
    torch.manual_seed(0)
    rnn, x = nn.GRU(3, 6), torch.randn(20, 30, 3)

    def at_the_last_step(model, x):
        return model(x)[0][:, -1].square().mean()  # of the last sequence, as the axes are

    read = dict(bptt.diagnose(rnn, x, at_the_last_step).facts)["Read"]
    assert "one sequence alone" in read
    assert "batch_first=True is missing" in read

    def labelled(model, batch):
        x, labels = batch
        return nn.functional.cross_entropy(model(x)[0].mean(1), labels)

    labels = torch.randint(6, (20,))
    read = dict(bptt.diagnose(rnn, (x, labels), labelled).facts)["Read"]
    assert "there are 20 labels, as many as steps" in read
    rnn.batch_first = True
    read = dict(bptt.diagnose(rnn, (x, labels), labelled).facts)["Read"]
    assert read == "30 steps × 20 sequences"


def test_standard_errors_stand_beside_horizon_and_signal():
    torch.manual_seed(0)
    rnn, x = nn.LSTM(3, 6), torch.randn(20, 30, 3)
    report = bptt.diagnose(rnn, x, lambda model, x: model(x)[0].square().mean(), sequences=5)
    layer = report.layers["lstm.0"]
    horizon, signal = layer.sampling_errors
    assert horizon == layer.profile.apart.horizon_error()
    assert 0 < signal < 1
    text = str(report)
    assert f"{layer.horizon} ± {horizon:.2g}" in text
    assert f"×/÷ {10**signal:.3g}" in text
    assert "5 of 30 sequences, drawn with seed 0" in " ".join(text.split())
    whole = bptt.diagnose(rnn, x, lambda model, x: model(x)[0].square().mean())
    assert np.isnan(whole.layers["lstm.0"].sampling_errors).all()
    assert "×/÷" not in str(whole)


def test_a_standard_error_is_said_only_where_there_is_one():
    torch.manual_seed(0)
    model, x = Reader(nn.GRU(3, 6)), torch.randn(20, 30, 3)
    said = {n: " ".join(take(model, x, sequences=n).remarks) for n in (1, 2)}
    assert "Standard errors are by sequence" not in said[1]
    assert "Standard errors are by sequence" in said[2]
    assert "What a lag adds below rounding counts as zero" in said[1]


def test_a_pass_that_cannot_be_made_smaller_is_refused_before_it_runs():
    torch.manual_seed(0)
    model, x = Reader(nn.LSTM(3, 16)), torch.randn(100, 40, 3)
    with pytest.raises(OptionError, match=r"memory: expected at least .* bytes .*fewer"):
        take(model, x, memory=1e5)


def test_seconds_are_those_of_the_whole_measurement():
    torch.manual_seed(0)
    model, x = Reader(nn.LSTM(3, 16)), torch.randn(100, 40, 3)
    said = " ".join(take(model, x, seconds=1e-6).remarks)
    assert "the walk by lag is as short as it can be" in said
    assert "1 of 40 sequences" in said
    said = " ".join(take(model, x, seconds=300).remarks)
    assert "Of the 300 s allowed the pass through the model took" in said
    assert "the walk by lag has the other" in said
    assert "drawn with seed" not in said


PEAK = """
import resource, sys, torch, bptt
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
torch.manual_seed(0)
kind, T, B, H, levels, memory = sys.argv[1], *map(int, sys.argv[2:])
rnn, loss = getattr(torch.nn, kind)(8, H, levels), lambda model, x: model(x)[0].square().mean()
bptt.diagnose(rnn, torch.randn(40, 2, 8), loss)
x = torch.randn(T, B, 8)
before = peak()
bptt.diagnose(rnn, x, loss, memory=memory, progress=False)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is counted in kilobytes on Linux")
@pytest.mark.parametrize(
    ("kind", "T", "B", "H", "levels", "memory"),
    [
        ("LSTM", 500, 64, 64, 1, 1.5e8), ("GRU", 300, 64, 64, 1, 1e8), ("RNN", 500, 64, 64, 1, 1.2e8),
    ],
)  # fmt: skip
@pytest.mark.long
def test_the_peak_stays_within_the_memory_that_was_asked_for(kind, T, B, H, levels, memory):
    given = [str(int(value)) for value in (T, B, H, levels, memory)]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, kind, *given], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 1.1 * memory, "the estimate counts arrays, not what lies between"


class Normed(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.cell, self.norm = nn.GRUCell(3, 6, dtype=D), norm

    def forward(self, batch):
        x, seen = batch
        h, E = torch.zeros(x.shape[1], 6, dtype=D), 0
        for x_t in x:
            h = self.norm(self.cell(x_t, h))
            E = E + (seen * h.square()).sum()
        return E


class Passed(nn.Module):
    """An encoder whose last state, scaled, is where a decoder begins."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(3, 6, dtype=D)
        self.decoder = nn.LSTM(3, 6, dtype=D)

    def forward(self, batch):
        x, seen = batch
        _, (h, c) = self.encoder(x)
        return (seen * self.decoder(x[:5], (0.9 * h, c))[0].square()).sum()


@pytest.mark.parametrize("kind", ["normed", "passed"])
def test_sequences_are_drawn_of_calls_that_pass_their_states_on(kind):
    """The lags are those of the loss of these sequences alone; the gradient of all is compared."""
    torch.manual_seed(0)
    model = Normed(nn.LayerNorm(6, dtype=D)) if kind == "normed" else Passed()
    x, seen = torch.randn(12, 7, 3, dtype=D), torch.zeros(7, 1, dtype=D)
    chosen = np.sort(np.random.default_rng(1).permutation(7)[:2])
    seen[chosen] = 1
    parts = take(model, (x, torch.ones(7, 1, dtype=D)), sequences=2, seed=1)
    assert any("those of 2 of 7 sequences, drawn with seed 1" in said for said in parts.remarks)
    assert any("autograd's" in line for line in parts.checked)
    alone = take(model, (x, seen), sequences="all")
    for own, expected in zip(parts.profiles, alone.profiles, strict=True):
        assert np.allclose(own.log10_norm, expected.log10_norm, rtol=0, atol=1e-11)
        assert np.allclose(own.log10_signal, expected.log10_signal, rtol=0, atol=1e-11)
    short = take(model, (x, torch.ones(7, 1, dtype=D)), seconds=1e-9)
    assert any("1 of 7 sequences, drawn with seed 0" in said for said in short.remarks)


def test_where_something_between_the_calls_mixes_sequences_all_are_taken():
    torch.manual_seed(0)
    model = Normed(nn.BatchNorm1d(6, dtype=D))
    batch = torch.randn(12, 7, 3, dtype=D), torch.ones(7, 1, dtype=D)
    said = " ".join(take(model, batch, worth=1e3).remarks)
    assert "mixes sequences" in said
    assert "A batch of fewer sequences, or max_lag=, costs less" in said
    assert "mixes sequences" not in " ".join(take(model, batch).remarks)
