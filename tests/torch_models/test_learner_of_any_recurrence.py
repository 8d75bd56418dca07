"""A look ahead of steps of one's own and of scans: the numbers of PyTorch's layers where both apply, else autograd's by step."""

import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import OptionError
from bptt.prognoses import measure
from bptt.torch_models import Decay, ModuleLearner, Scan, register, scan_lags
from bptt.torch_models.learner.of_scans import OfScans
from bptt.torch_models.scans import scan_modules
from bptt.torch_models.scans.registry import _ADAPTERS, _name

T, B, I, H = 10, 8, 2, 5
D = torch.float64


class Looped(nn.Module):
    """A cell in a loop, read at the last step."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell, nn.Linear(H, 1, dtype=D)

    def forward(self, x):
        state = (x.new_zeros(x.shape[1], H),) * 2
        for x_t in x:
            state = self.cell(x_t, state)
        return self.head(state[0])


class NormLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.F, self.R = nn.Linear(I, 4 * H, dtype=D), nn.Linear(H, 4 * H, bias=False, dtype=D)
        self.norm = nn.LayerNorm(4 * H, dtype=D)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.norm(self.F(x) + self.R(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class Leaky(nn.Module):
    """h_t = σ(keep) ⊙ h_{t-1} + W x_t; ``copies`` has other parameters for each step."""

    def __init__(self):
        super().__init__()
        self.keep = nn.Parameter(torch.linspace(-1, 1, H, dtype=D))
        self.into, self.out = nn.Linear(H, H, dtype=D), nn.Linear(H, H, dtype=D)
        self.copies, self.states = None, []

    def forward(self, x):
        h, out, self.states = 0, [], []
        for t, x_t in enumerate(x.unbind(1)):
            keep, W, b, V, c = self.copies[t] if self.copies else self.parameters()
            h = torch.sigmoid(keep) * h + nn.functional.linear(x_t, W, b)
            self.states.append(h)
            out.append(nn.functional.linear(torch.tanh(h), V, c))
        return torch.stack(out, 1)


class Stream(nn.Module):
    """Two of them on a residual stream."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Leaky(), Leaky()])

    def forward(self, x):
        for block in self.blocks:
            x = x + block(torch.tanh(x))
        return x


@pytest.fixture
def registered():
    @register(Leaky)
    def leaky(module, x):
        b = module.into(x)
        a = torch.sigmoid(module.keep).expand_as(b)

        def keep(part):
            at = math.log(part / (1 - part))
            return f"Initialise keep at {at:.3g}", at, f"module.keep.data.fill_({at:.6g})"

        return Scan(Decay(a, b), read=lambda h: module.out(torch.tanh(h)), keep=keep)

    yield
    del _ADAPTERS[_name(Leaky)]


def mse(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def drawing(seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw():
        x = torch.randn(T, B, I, dtype=D, generator=generator)
        return x, x[:4, :, 0].sum(0)[:, None]

    return draw


def test_a_cell_of_pytorchs_is_the_same_as_a_step():
    torch.manual_seed(0)
    model = Looped(nn.LSTMCell(I, H, dtype=D))
    model.cell.bias_hh.requires_grad_(
        False
    )  # that way PyTorch's two biases count once, as in our own layers
    one, other = (
        measure(ModuleLearner(model, drawing(), mse, needed_lag=6, recurrent=recurrent), 4, 3)
        for recurrent in (None, "cell")
    )
    for name in ("loss", "blind", "log10_attenuation", "form"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, abs=1e-9), name
    for name in ("agreement", "agreement_mid"):
        mine, theirs = getattr(other, name), getattr(one, name)
        assert mine.coherence == pytest.approx(theirs.coherence, rel=1e-9)
        assert mine.rate == pytest.approx(theirs.rate, rel=1e-9)


@pytest.mark.parametrize("named", ["cell", None])
def test_a_step_of_ones_own_has_a_prognosis_that_says_what_it_rests_on(named):
    torch.manual_seed(0)
    model = Looped(NormLSTM())
    before = [p.detach().clone() for p in model.parameters()]
    batch = [torch.cat(parts, 1 - n) for n, parts in enumerate(zip(*(drawing()() for _ in range(6)), strict=True))]  # fmt: skip
    report = bptt.diagnose(model, tuple(batch), mse, 6, recurrent=named, progress=False)
    prognosis = report.prognosis(budget=40, progress=False)
    assert all(map(torch.equal, before, model.parameters()))
    assert prognosis.unlike == "NormLSTM"
    assert "not calibrated on this kind of recurrence (NormLSTM)" in prognosis.caveat
    assert not any(
        "calibrated" in remark for remark in prognosis.remarks
    )  # what was left out, and why
    assert "W_R" not in prognosis.sentence + str(prognosis)
    assert set(prognosis.evidence) >= {"loss", "reach", "agreement", "form"}
    page = report.html()  # on the first screen, where the probability stands
    assert page.index("not calibrated") < page.index("How this was come by")
    assert "not calibrated" in str(prognosis)
    assert report.ahead is prognosis


def test_scans_count_lag_through_all_blocks(registered):
    """Bands, reach and features against autograd with a copy of all parameters for every step."""
    torch.manual_seed(0)
    model = Stream()
    x, lag = torch.randn(B, T, H, dtype=D), 6
    weight = torch.randn(B, H, dtype=D)
    weight -= weight.mean(0)  # errors without a mean: centring changes nothing but the factor

    def loss(model, x):
        return (weight * model(x)[:, -1]).sum()

    one, _ = OfScans(scan_modules(model)).passed(model, x, loss, lag, 0)
    (joined,) = one.joined
    measured, _ = scan_lags(model, x, loss)
    for block in model.blocks:
        block.copies = [[p.detach().clone().requires_grad_() for p in block.parameters()] for _ in range(T)]  # fmt: skip
    copies = [[[*block.copies[t]] for block in model.blocks] for t in range(T)]

    def far(E, least):
        E.backward(retain_graph=True)
        grads = [
            torch.cat([sum(copies[t][n][p].grad for t in range(T - least)).reshape(-1) for p in range(5)])
            for n in range(2)
        ]  # fmt: skip
        for leaf in (leaf for each in copies for block in each for leaf in block):
            leaf.grad = None
        return torch.cat(grads).numpy()

    out = model(x)
    for states in (block.states for block in model.blocks):
        for h in states:
            h.retain_grad()
    E = (weight * out[:, -1]).sum()
    for row, least in zip(joined.bands, (0, lag // 2, lag), strict=True):
        np.testing.assert_allclose(row, far(E, least) * B / (B - 1), atol=1e-12)
    sizes = np.array([[float(h.grad.square().sum()) for h in block.states] for block in model.blocks])  # fmt: skip
    reach = 0.5 * np.log10(sizes[:, T - 1 - lag] / sizes[:, -1]).max()
    assert joined.log10_attenuation == pytest.approx(reach, abs=1e-9)
    for one, own in zip(measured.values(), sizes, strict=True):
        expected = 0.5 * np.log10(own[::-1] / own[-1])
        np.testing.assert_allclose(one.through_all - one.through_all[0], expected, atol=1e-9)
    (tangents,) = joined.tangents
    v = np.random.default_rng(0).standard_normal(tangents.D.shape[1])
    v[H:] = v[:H]  # the loss sends the same to both blocks: they stand on one stream
    features = tangents.features(v)
    for sequence in range(B):
        expected = far((torch.from_numpy(v[:H]) * out[sequence, -1]).sum(), lag // 2)
        np.testing.assert_allclose(features[sequence], expected, atol=1e-12)


def test_scans_have_a_prognosis_and_what_they_achieve_without_their_states(registered):
    torch.manual_seed(0)
    model, seen = Stream(), []

    def loss(model, batch):
        seen.append(model(batch[0]))
        return (seen[-1][:, -1] - batch[1]).square().mean()

    data = [(torch.randn(B, T, H, dtype=D), torch.randn(B, H, dtype=D)) for _ in range(12)]
    prognosis = bptt.prognosis(model, data, loss, 6, budget=20, progress=False)
    assert prognosis.unlike == "Leaky"
    assert len(prognosis.measured) == 3
    assert any("Lag counts through all" in remark for remark in prognosis.remarks)
    # Without what the blocks tell apart the output is x and the means of what they put out.
    one, _ = OfScans(scan_modules(model)).passed(model, data[0], loss, 6, 0)
    with torch.no_grad():
        first, second = (block(x) for block, x in zip(model.blocks, _inputs(model, data[0][0]), strict=True))  # fmt: skip
    blind = data[0][0] + first.mean(0) + second.mean(0)
    assert one.blind == pytest.approx(float((blind[:, -1] - data[0][1]).square().mean()))


def _inputs(model, x):
    first = torch.tanh(x)
    return first, torch.tanh(x + model.blocks[0](first))


def test_remedies_follow_the_advice_on_a_copy_and_then_in_the_model(registered):
    torch.manual_seed(0)
    model = Stream()
    for block in model.blocks:
        block.keep.data.fill_(-1.0)
    data = [(torch.randn(B, T, H, dtype=D), torch.randn(B, H, dtype=D)) for _ in range(12)]

    def loss(model, batch):
        return (model(batch[0])[:, -1] - batch[1]).square().mean()

    report = bptt.diagnose(model, data[0], loss, 9, progress=False)
    assert {layer.verdict for layer in report.layers.values()} == {"vanishing"}
    ranking = report.try_remedies(data, budget=40, progress=False)
    assert {tried.name for tried in ranking.tried} == {"as it is", "keep", "keep+lr-up", "lr-up", "lr-down", "clip"}  # fmt: skip
    assert dict(ranking.refused).keys() == {"what changes W_R and gates by name", "curriculum", "truncation"}  # fmt: skip
    assert all(tried.prognosis.unlike == "Leaky" for tried in ranking.tried)
    kept = torch.logit(torch.tensor(0.1 ** (1 / 9), dtype=D))
    copied = ranking.model("keep")
    for block in copied.blocks:
        torch.testing.assert_close(block.keep.data, kept.expand(H), atol=1e-3, rtol=0)
    assert not torch.equal(copied.blocks[0].keep, model.blocks[0].keep)
    assert ranking.apply("keep") == {}
    assert torch.equal(copied.blocks[1].keep, model.blocks[1].keep)
    assert ranking.named("keep").diagnosis.decisive.verdict == "steady"
    assert "Initialise keep" in ranking.html()
    with pytest.raises(OptionError, match="keep: expected advice that a line of code follows"):
        bptt.diagnose(model, data[0], loss, 9, progress=False).apply("keep")
    with pytest.raises(OptionError, match="orthogonal: expected recurrent layers, with W_R"):
        report.try_remedies(data, only=["orthogonal"], budget=0, progress=False)
