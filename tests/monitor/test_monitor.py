"""What is measured, when, and that training does not notice."""

import copy
import sys

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import optimizer

import bptt
from bptt.errors import OptionError
from tests.monitor.models import loss, made, total, train, vowels


def watched(model, lines, **options):
    return bptt.Monitor(model, vowels(), loss, log=lines.append, **({"every": 2} | options))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_figures_are_those_of_a_diagnosis(kind):
    model, lines = made(kind), []
    with watched(model, lines, needed_lag=5):
        layer = bptt.diagnose(copy.deepcopy(model), vowels(), loss, 5).layers["rnn.0"]
        train(model, 1)
    (line,) = lines
    of = {name.removeprefix("bptt/rnn.0/"): value for name, value in line.items()}
    assert of["horizon"] == layer.horizon
    assert of["verdict"] == layer.verdict
    assert of["verdict_code"] == {"vanishing": -1, "steady": 0, "exploding": 1}[layer.verdict]
    # Dropout is drawn anew, so the loss is another one; what W_R does to a signal is nearly the same.
    assert of["rate"] == pytest.approx(layer.rate, rel=0.1)
    assert of["log10_attenuation"] == pytest.approx(layer.log10_attenuation, rel=0.1)
    if kind == "RNN":
        assert of["weight_gain"] + of["activation_gain"] == pytest.approx(of["rate"], abs=1e-9)
        assert "carry_gain" not in of
    else:
        assert of["carry_gain"] < 0
        assert 0 < of["carry_share"] < 1


def test_every_step_counts_once():
    model, lines = made(), []
    with watched(model, lines, every=3):
        train(model, 8)
    train(model, 3)  # after the block, nobody looks
    assert [line["step"] for line in lines] == [0, 3, 6]


def test_by_hand_and_in_a_block_say_the_same():
    by_hand, in_block = [], []
    model = made()
    with watched(model, in_block):
        train(model, 4)
    model = made()
    train(model, 4, before_step=watched(model, by_hand).step)
    assert by_hand == in_block


def test_other_models_steps_do_not_count():
    model, other, lines = made(), made(seed=1), []
    with watched(model, lines, every=1):
        train(other, 3, lambda parameters: clip_grad_norm_(parameters, 0.01))
        assert lines == []
        train(model, 2)
    assert [line["bptt/clipped_share"] for line in lines] == [None, None]


@pytest.mark.parametrize("clip", [
    lambda parameters: clip_grad_norm_(parameters, 2.0),  # imported by name, before the block
    lambda parameters: torch.nn.utils.clip_grad_norm_(list(parameters), max_norm=2.0),
], ids=["by name", "by module"])  # fmt: skip
def test_norms_before_and_after_clipping_and_how_often_it_binds(clip):
    model, lines = made("RNN"), []
    with watched(model, lines, every=5):
        norms = train(model, 11, clip)
    for line, (before, after) in zip(lines, norms[::5], strict=True):
        assert line["bptt/grad_norm_before_clip"] == pytest.approx(before, rel=1e-6)
        assert line["bptt/grad_norm_after_clip"] == pytest.approx(after, rel=1e-6)
        assert line["bptt/gradients_seen"] == "before and after clipping"
    bound = [before > 2.0 for before, _ in norms]
    assert 0 < sum(bound) < len(bound)
    # Since the line before this one.
    shares = [sum(part) / len(part) for part in (bound[:1], bound[1:6], bound[6:11])]
    assert [line["bptt/clipped_share"] for line in lines] == shares


def test_clipping_by_value():
    model, lines = made(), []
    with watched(model, lines, every=1):
        norms = train(model, 2, lambda parameters: clip_grad_value_(parameters, 0.01))
        train(model, 1, lambda parameters: clip_grad_value_(parameters, 100.0))
    for line, (before, after) in zip(lines, norms, strict=False):
        assert before > after
        assert line["bptt/grad_norm_before_clip"] == pytest.approx(before, rel=1e-6)
        assert line["bptt/grad_norm_after_clip"] == pytest.approx(after, rel=1e-6)
    assert [line["bptt/clipped_share"] for line in lines] == [1, 1, 0]


def test_by_hand_with_what_clipping_returned():
    model, lines = made(), []
    monitor = watched(model, lines, every=1)
    loss(model, vowels()).backward()
    before = total(model)
    monitor.step(clip_grad_norm_(model.parameters(), 0.1), 0.1)
    assert lines[0]["bptt/grad_norm_before_clip"] == pytest.approx(before, rel=1e-6)
    assert lines[0]["bptt/grad_norm_after_clip"] == pytest.approx(0.1, rel=1e-4)
    assert lines[0]["bptt/clipped_share"] == 1


def test_an_optimizer_that_computes_the_gradient_itself():
    model, lines = made(), []
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=2)

    def closure():
        optimizer.zero_grad()
        E = loss(model, vowels())
        E.backward()
        return E

    with watched(model, lines, every=1):
        optimizer.step(closure)
    assert lines[0]["bptt/grad_norm_before_clip"] == pytest.approx(total(model), rel=1e-6)


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_training_is_the_same_bit_for_bit(kind):
    def clip(parameters):
        clip_grad_norm_(parameters, 0.5)

    alone, with_it = made(kind), made(kind)
    torch.manual_seed(7)
    train(alone, 6, clip)
    torch.manual_seed(7)
    with watched(with_it, []):
        train(with_it, 6, clip)
    for a, b in zip(alone.parameters(), with_it.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a.grad, b.grad)


def test_nothing_is_left_behind_even_after_an_error():
    here, functions = sys.modules[__name__], (clip_grad_norm_, clip_grad_value_)
    model = made()

    def breaks():
        assert here.clip_grad_norm_ is not functions[0]
        assert torch.nn.utils.clip_grad_norm_ is here.clip_grad_norm_
        raise KeyError

    with pytest.raises(KeyError), watched(model, []):
        breaks()
    assert not optimizer._global_optimizer_pre_hooks
    assert not optimizer._global_optimizer_post_hooks
    assert (here.clip_grad_norm_, here.clip_grad_value_) == functions
    assert torch.nn.utils.clip_grad_norm_ is functions[0]
    assert torch.nn.utils.clip_grad.clip_grad_norm_ is functions[0]
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


class Amplifier(nn.Module):
    """φ is relu, W_R is 4, the inputs keep the state at 1: the signal at lag k is 4^k, without any rounding."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 1, bias=False, nonlinearity="relu")
        with torch.no_grad():
            self.rnn.weight_ih_l0.fill_(1.0)
            self.rnn.weight_hh_l0.fill_(4.0)

    def forward(self, x):
        return self.rnn(x)[0][-1].sum()


def test_a_gradient_that_leaves_float32():
    model, lines = Amplifier(), []
    x = torch.full((100, 1, 1), -3.0)
    x[0] = 1.0
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with bptt.Monitor(model, x, lambda model, x: model(x), 10, lines.append):
        for _ in range(13):
            optimizer.zero_grad()
            model(x).backward()
            optimizer.step()
    first, last = lines
    assert first["bptt/rnn.0/verdict"] == "exploding"
    assert first["bptt/rnn.0/first_nonfinite_lag"] == 64  # float32 ends at 2^128
    assert first["bptt/first_nonfinite_lag"] == 64
    assert first["bptt/first_nonfinite_parameter"] == "rnn.weight_ih_l0.grad"
    assert first["bptt/problem"] is None
    assert last["step"] == 10
    assert last["bptt/first_nonfinite_parameter"] == "rnn.weight_ih_l0"
    assert "NonFiniteError" in last["bptt/problem"]


def test_a_gradient_turns_nan_between_two_lines():
    """It is logged at once, while the weights are still those it was taken at."""
    model, lines, k = made(), [], 0

    def poison():
        nonlocal k
        if k in (2, 3):
            model.out.weight.grad[0, 0] = float("nan")
        k += 1

    # By hand, so that the optimizer does not get to see it.
    monitor = watched(model, lines, every=100)
    for _ in range(5):
        model.zero_grad()
        loss(model, vowels()).backward()
        poison()
        monitor.step()
    assert [line["step"] for line in lines] == [0, 2]
    assert lines[1]["bptt/first_nonfinite_parameter"] == "out.weight.grad"
    assert lines[1]["bptt/nonfinite"] == 1
    assert lines[1]["bptt/grad_norm_before_clip"] is None
    assert lines[1]["bptt/problem"] is None
    assert lines[1]["bptt/rnn.0/horizon"] > 0


def test_nan_weights_are_a_finding_even_at_the_first_step():
    model, lines = made(), []
    with torch.no_grad():
        model.rnn.weight_hh_l0[0, 0] = float("nan")
    with watched(model, lines):
        train(model, 3)
    assert lines[0]["bptt/first_nonfinite_parameter"] == "rnn.weight_hh_l0"
    assert len(lines) == 2
    assert all("Go back to an earlier checkpoint" in line["bptt/problem"] for line in lines)


def test_a_large_finite_gradient_is_finite():
    model, lines = made(), []
    (1e30 * loss(model, vowels())).backward()
    watched(model, lines).step()
    expected = sum(float(p.grad.double().square().sum()) for p in model.parameters()) ** 0.5
    assert expected > 1e25  # its square leaves float32
    assert lines[0]["bptt/grad_norm_after_clip"] == pytest.approx(expected, rel=1e-5)
    assert lines[0]["bptt/nonfinite"] == 0


def test_what_does_not_fit_is_refused_before_training_and_no_error_ends_it(caplog):
    model, fits = made(), True

    def moody(model, batch):
        if not fits:
            raise RuntimeError("out of memory")
        return loss(model, batch)

    lines = []
    with bptt.Monitor(model, vowels(), moody, 1, lines.append):
        train(model, 1)
        fits = False
        train(model, 2)
    assert [line["bptt/problem"] for line in lines] == [None, *["RuntimeError: out of memory"] * 2]
    (record,) = caplog.records  # once
    assert (record.name, record.levelname) == ("bptt", "WARNING")
    assert (
        "could not measure Classifier at step 1. RuntimeError: out of memory" in record.getMessage()
    )
    with pytest.raises(
        OptionError,
        match=r"loss: expected .* on the monitor's batch, got RuntimeError: out of memory",
    ):
        bptt.Monitor(model, vowels(), moody, 1, lines.append)


def test_an_error_of_ours_does_not_end_the_training_either(caplog, monkeypatch):
    """Nor one of the logger; each kind is logged once, and the steps go on being counted."""
    model, lines = made(), []

    def full(figures):
        lines.append(figures)
        raise OSError("no space left on device")

    with bptt.Monitor(model, vowels(), loss, 1, full):
        monkeypatch.setattr("bptt.monitor.measured.measure", {}.__getitem__)
        train(model, 3)
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert all(line["bptt/problem"].startswith("TypeError") for line in lines)
    assert [record.getMessage().split(". ")[1].split(":")[0] for record in caplog.records] == [
        "TypeError",
        "OSError",
    ]


def test_bad_arguments():
    model = made()
    with pytest.raises(OptionError, match="model: expected a torch"):
        bptt.Monitor("model", vowels(), loss)
    with pytest.raises(OptionError, match=r"nn\.RNN, nn\.LSTM, nn\.GRU"):
        bptt.Monitor(nn.Linear(2, 2), vowels(), loss)
    with pytest.raises(OptionError, match="needed_lag: expected a whole number from 0 to"):
        bptt.Monitor(model, vowels(), loss, needed_lag=1000)
    with pytest.raises(OptionError, match=r"loss\(model, batch\)"):
        bptt.Monitor(model, vowels(), 3.0)
    for every in (0, 2.5, True):
        with pytest.raises(OptionError, match="whole number from 1"):
            bptt.Monitor(model, vowels(), loss, every)
    for name in ("needed_lag", "max_lag"):
        with pytest.raises(OptionError, match=f"{name}: expected a whole number from 0"):
            bptt.Monitor(model, vowels(), loss, **{name: 2.5})
    assert bptt.Monitor(model, vowels(), loss, every=100.0, log=print).every == 100
    with watched(model, []) as monitor, pytest.raises(OptionError, match="Leave out step"):
        monitor.step()


def test_import_bptt_does_not_import_torch():
    import subprocess

    code = "import sys, bptt; assert 'torch' not in sys.modules; bptt.Monitor"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def compiled_in_place(model):
    model.compile(backend="eager")
    return model


@pytest.mark.parametrize("wrap", [
    nn.DataParallel, compiled_in_place, lambda model: torch.compile(model, backend="eager"),
    lambda model: nn.DataParallel(torch.compile(model, backend="eager")),
], ids=["DataParallel", "compiled in place", "compiled", "both"])  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wrapped_models_give_the_same_figures(wrap):
    plain, wrapped = [], []
    train_with(made(), plain)
    train_with(wrap(made()), wrapped)
    assert wrapped == [pytest.approx(line) for line in plain]


def train_with(model, lines):
    """Two steps; at the second the gradient of one parameter is NaN, so that its name is given."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with bptt.Monitor(model.eval(), vowels(), loss, 5, lines.append):
        for k in range(2):
            optimizer.zero_grad()
            loss(model, vowels()).backward()
            if k:
                next(p for n, p in model.named_parameters() if n.endswith("out.bias")).grad[0] = (
                    torch.nan
                )
            optimizer.step()
    assert lines[1]["bptt/first_nonfinite_parameter"] == "out.bias.grad"


def test_what_a_measurement_leaves_out_changes_none_of_its_figures(monkeypatch):
    """A batch that fits is run again at once, not in portions, and loss steps are not told apart: the figures are the same."""
    from bptt.monitor import measure
    from bptt.torch_models.decompose import within_bounds

    torch.manual_seed(0)
    model, x = nn.LSTM(3, 8, dtype=torch.float64), torch.randn(40, 7, 3, dtype=torch.float64)
    monkeypatch.setattr(measure, "WORTH", 2e6)

    def figures(**changed):
        bounds = measure.Bounds
        with monkeypatch.context() as patch:
            patch.setattr(measure, "Bounds", lambda **given: bounds(**given | changed))
            if changed:
                patch.setattr(within_bounds, "AT_ONCE", 0.0)
            return measure.measure(model, x, lambda model, x: model(x)[0].square().mean())

    portions = []
    again = within_bounds.replay_in_portions
    monkeypatch.setattr(
        within_bounds, "replay_in_portions", lambda *given: portions.append(given) or again(*given)
    )
    now = figures()
    assert not portions
    then = figures(spread=True)
    assert portions  # some of the sequences are drawn, or the two would be one and the same
    assert now.keys() == then.keys()
    for name, value in now.items():
        expected = then[name]
        assert value == (
            pytest.approx(expected, rel=1e-10) if isinstance(value, float) else expected
        )
