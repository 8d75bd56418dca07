"""What is not finite is traced to its origin: the batch, a parameter, a module's call, an operation, a state."""

import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import bptt
from bptt.errors import NonFiniteError
from bptt.torch_models.nonfinite import where_not_finite

T, B, I, H = 9, 4, 3, 5


class Reader(nn.Module):
    """A recurrent layer and a head."""

    def __init__(self, rnn=None, head=None):
        super().__init__()
        self.rnn = rnn or nn.GRU(I, H)
        self.head = head or nn.Linear(H, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def x():
    return torch.randn(T, B, I)


def total(model, batch):
    return model(batch).sum()


def growing(kind=nn.RNN, **options):
    """A relu layer whose states grow by 1.5 a step."""
    rnn = kind(I, H, nonlinearity="relu", **options)
    with torch.no_grad():
        for name, value in rnn.named_parameters():
            if "weight_hh" in name and "l1" not in name:
                value.copy_(1.5 * torch.eye(H))
    return rnn


def first_overflow(weights, x, reverse=False):
    """(step, sequence) at which relu(W_F x + W_R h + b) leaves float32, by a loop in float64."""
    W_F, W_R, b_F, b_R = (w.detach().double().numpy() for w in weights)
    x = x.double().numpy()
    h = np.zeros((x.shape[1], len(W_R)))
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        h = np.maximum(x[t] @ W_F.T + h @ W_R.T + b_F + b_R, 0)
        over = h > np.finfo(np.float32).max
        if over.any():
            return t, int(over.any(1).argmax())
    raise AssertionError("the case does not overflow")


def test_states_that_overflow_are_named_with_step_and_cause():
    model, x = Reader(growing()), torch.randn(400, 2, I)
    step, sequence = first_overflow(model.rnn.parameters(), x)
    with pytest.raises(NonFiniteError) as caught:
        bptt.diagnose(model, x, total)
    text = str(caught.value)
    assert f"The states of rnn overflow at step {step} (sequence {sequence}, unit" in text
    assert "W_R, of spectral radius 1.5, grows them by 1.5 a step" in text
    assert "Scale rnn.weight_hh_l0" in text


def test_the_level_and_the_direction_that_overflow():
    rnn = growing(num_layers=2, bidirectional=True, batch_first=True)
    with torch.no_grad():
        rnn.weight_hh_l0.mul_(0.1)
    x = torch.randn(400, 2, I)
    step, sequence = first_overflow(
        [p for n, p in rnn.named_parameters() if n.endswith("l0_reverse")], x, True
    )
    model = Reader(rnn, nn.Linear(2 * H, 2))
    text = where_not_finite(model, x.transpose(0, 1), total)
    assert f"rnn at level 0 overflow at step {step} (sequence {sequence}, unit" in text
    assert "in the backward direction" in text
    assert "Scale rnn.weight_hh_l0_reverse" in text


def test_a_packed_sequence_is_named_by_its_number_in_the_batch():
    model, x, lengths = Reader(growing()), torch.randn(300, 3, I), [100, 240, 290]
    x[:, 2] = 1e-20 * x[:, 2].abs()  # which starts lower, and is longer
    for value in model.rnn.parameters():
        if value.ndim == 1:
            value.data.zero_()

    def packed(model, x):
        pack = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return model.rnn(pack)[0].data.sum()

    step, _ = first_overflow(model.rnn.parameters(), x[:, 1:2])  # the first is too short
    text = where_not_finite(model, x, packed)
    assert f"overflow at step {step} (sequence 1, unit" in text


def test_a_cell_in_a_loop_is_named_with_its_step():
    cell = growing(nn.RNNCell)

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = cell

        def forward(self, x):
            h = None
            for x_t in x:
                h = self.cell(x_t, h)
            return h

    x = torch.randn(300, 2, I)
    step, sequence = first_overflow(cell.parameters(), x)
    assert f"states of cell overflow at step {step} (sequence {sequence}" in where_not_finite(
        Loop(), x, total
    )


def test_states_that_overflow_after_the_last_that_the_loss_reads():
    model, x = Reader(growing()), torch.randn(400, 2, I)
    step, _ = first_overflow(model.rnn.parameters(), x)
    with pytest.raises(NonFiniteError, match=f"rnn: .* The states of rnn overflow at step {step}"):
        bptt.diagnose(model, x, lambda m, x: m.rnn(x)[0][:9].sum())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, as it loads its compiler
@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_names_are_the_users_own(wrap):
    text = where_not_finite(wrap(Reader(growing())), torch.randn(400, 2, I), total)
    assert text.startswith("The states of rnn overflow")
    assert "Scale rnn.weight_hh_l0 until" in text


@pytest.mark.parametrize("reentrant", [True, False])
def test_within_a_checkpoint(reentrant):
    model, x = Reader(growing()), torch.randn(400, 2, I)

    def loss(model, x):
        return checkpoint(
            lambda x: model.rnn(x)[0], x.requires_grad_(), use_reentrant=reentrant
        ).sum()

    step, _ = first_overflow(model.rnn.parameters(), x)
    assert f"The states of rnn overflow at step {step}" in where_not_finite(model, x, loss)


class Named:
    def __init__(self, x):
        self.x = x


WRAPPED = {
    "batch[0] is nan at [3, 1, 0]": (lambda x: (x, 1), lambda m, b: m(b[0]).sum()),
    "batch['x'] is nan at [3, 1, 0]": (lambda x: {"x": x}, lambda m, b: m(b["x"]).sum()),
    "batch['a'][1] is nan at [3, 1, 0]": (lambda x: {"a": [0, x]}, lambda m, b: m(b["a"][1]).sum()),
    "batch.x is nan at [3, 1, 0]": (Named, lambda m, b: m(b.x).sum()),
    "batch is nan at [3, 1, 0]": (lambda x: x.numpy(), lambda m, b: m(torch.from_numpy(b)).sum()),
    "batch[1] is nan at [3, 1, 0]": (lambda x: (torch.ones_like(x), x), lambda m, b: F.mse_loss(m.rnn(b[0])[0][..., :3], b[1])),
    "batch[1][2] is nan.": (
        lambda x: (x.nan_to_num(), [1.0, 2.0, math.nan]),
        lambda m, b: (m(b[0]).sum(0).sum(0)[0] - torch.tensor(b[1])).sum(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("expected", WRAPPED)
def test_the_batch_itself(expected, x):
    x[3, 1, 0] = math.nan
    wrap, loss = WRAPPED[expected]
    text = where_not_finite(Reader(), wrap(x), loss)
    assert text.startswith(f"The batch itself is not finite: {expected}")


def test_missing_targets_that_the_loss_masks_are_not_blamed(x):
    y = torch.full((T, B, 2), math.nan)

    def loss(model, batch):
        x, y = batch
        out = model(x)
        return torch.where(y.isnan(), 0 * out, out - y).sum() + (out - out).log().sum()

    text = where_not_finite(Reader(), (x, y), loss)
    assert "made by `log` in the loss: -inf at [0, 0, 0], of 0" in text


def test_a_parameter_and_a_row_of_an_embedding():
    class Words(Reader):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(7, I)

        def forward(self, words):
            return super().forward(self.embed(words))

    model, words = Words(), torch.randint(3, (T, B))
    with torch.no_grad():
        model.embed.weight[5] = math.nan
    assert math.isfinite(bptt.diagnose(model, words, total).diagnosis.E)  # no word reads that row
    words[2, 2] = 5
    with pytest.raises(
        NonFiniteError, match=r"The parameter embed\.weight is not finite itself: nan at \[5, 0\]"
    ):
        bptt.diagnose(model, words, total)
    model.embed.weight.data.zero_()
    model.rnn.weight_ih_l0.data[2, 1] = math.inf
    text = where_not_finite(model, words, total)
    assert (
        text
        == "The parameter rnn.weight_ih_l0 is not finite itself: inf at [2, 1]. Go back to an earlier checkpoint."
    )


def test_a_buffer(x):
    norm = nn.BatchNorm1d(2)
    norm.running_var[1] = math.nan
    model = Reader(head=nn.Sequential(nn.Linear(H, 2), norm)).eval()
    text = where_not_finite(model, x[:, 0], total)
    assert "The buffer head.1.running_var is not finite itself: nan at [1]" in text


def entropy(model, x):
    p = model(100 * x).softmax(-1).round()
    return -(p * p.log()).sum()


def masked_rows(model, x):
    scores = model(x).masked_fill(torch.ones(T, B, 2) > 0, -math.inf)
    return (scores.softmax(-1) * model(x)).sum()


def masked_well(model, x):
    out = model(x)
    weights = out.masked_fill(torch.tensor([True, False]), -math.inf).softmax(-1)
    return (weights * out).sum() + (out / 0).sum()


def no_target(model, x):
    return F.cross_entropy(model(x).flatten(0, 1), torch.full((T * B,), -100))


def nobody(model, x):
    out = model(x)
    return out[out > 1e9].mean()


def in_place(model, x):
    return model(x).exp_().sub_(5).log_().sum()


def unattended(model, x):
    out, masked = model(x), torch.ones(B, T, dtype=torch.bool)
    attention = nn.MultiheadAttention(2, 1)
    return attention(out, out, out, key_padding_mask=masked)[0].sum()


def too_long(model, x):
    lengths = torch.full((B,), 8)
    return F.ctc_loss(model(x).log_softmax(-1), torch.ones(B, 8).long(), lengths, lengths)


def one_of_two(model, x):
    return model(x).sum() + (model(100 + x).exp() ** 100).exp().sum()


MADE = {
    "log of 0": (entropy, ["`log` in the loss: -inf at [0, 0, ", ", of 0.", "log_softmax"]),
    "a row that is masked": (masked_rows, ["`softmax` in the loss: nan at [0, 0, 0]", "unmasked"]),
    "no row of an attention": (unattended, ["`multi_head_attention", "unmasked"]),
    "targets that are too long": (too_long, ["`ctc_loss` in the loss: inf", "zero_infinity=True"]),
    "a mask is no fault": (masked_well, ["`div` in the loss", " and 0.", "divisor"]),
    "no target": (no_target, ["`cross_entropy` in the loss: nan", "not ignored"]),
    "no number": (nobody, ["`mean` in the loss: nan, of no numbers", "at least one number"]),
    "in place": (in_place, ["`log` in the loss: nan at [0, 0, 0], of -", "log_softmax"]),
    "an exponential": (one_of_two, ["`exp` in the loss: inf at", "logsumexp"]),
    "a sum": (lambda m, x: (m(x).cosh() * 1e38).sum(), ["`sum` in the loss: inf, of numbers up to"]),
    "a constant": (lambda m, x: m(x).sum() * torch.tensor(math.nan), ["`tensor` in the loss: nan"]),
}  # fmt: skip


@pytest.mark.parametrize("case", MADE)
def test_the_operation_in_the_loss(case, x):
    loss, parts = MADE[case]
    text = where_not_finite(Reader(), x, loss)
    for part in parts:
        assert part in text
    assert "test_not_finite.py, line" in text


def test_the_line_is_quoted(x):
    assert "`return -(p * p.log()).sum()` (test_not_finite.py, line" in where_not_finite(
        Reader(), x, entropy
    )


def test_the_module_and_its_call(x):
    """Of equal numbers a LayerNorm without eps divides 0 by 0."""
    model = Reader(head=nn.LayerNorm(H, eps=0))

    def loss(model, x):
        return sum(model.head(h * (t != 2)).sum() for t, h in enumerate(model.rnn(x)[0]))

    text = where_not_finite(model, x, loss)
    first = "The output of head (LayerNorm), call 3 of 9 is the first that is not finite"
    assert f"{first}: nan at [0, 0], of numbers up to 0. Give it an eps" in text


def test_weights_of_a_training_that_diverged(x):
    model = Reader()
    with torch.no_grad():
        model.head.weight.fill_(2e38)
    text = where_not_finite(model, 100 * x, total)
    assert "The output of head (Linear) is the first" in text
    assert "The parameter head.weight reaches 2e+38: the training has diverged. Go back" in text
    with torch.no_grad():
        model.head.weight.fill_(2e20)
    for loss in (lambda m, x: m(x).pow(2).sum(), lambda m, x: F.mse_loss(m(x), m(x).detach() * 0)):
        text = where_not_finite(model, x, loss)
        assert "The parameter head.weight reaches 2e+20: the training has diverged" in text


def test_numbers_that_are_too_large(x):
    text = where_not_finite(Reader(), x, lambda m, x: (1e30 * m(x)).pow(2).sum())
    assert "`pow` in the loss: inf at" in text
    assert text.endswith("float32 ends at 3.4028e+38: scale the numbers down.")


def test_a_norm_of_numbers_that_are_too_large(x):
    model = Reader(head=nn.LayerNorm(H))
    text = where_not_finite(model, x, lambda m, x: m.head(1e25 * m.rnn(x)[0]).sum())
    assert "The output of head (LayerNorm) is the first that is not finite: nan" in text
    assert text.endswith("float32 ends at 3.4028e+38: scale the numbers down.")


def test_a_state_that_the_model_keeps(x):
    class Remembers(Reader):
        def __init__(self):
            super().__init__()
            self.memory = {"h": torch.full((1, B, H), math.nan)}

        def forward(self, x):
            out, self.memory["h"] = self.rnn(x, self.memory["h"])
            return self.head(out)

    text = where_not_finite(Remembers(), x, total)
    name = "memory['h']"
    assert (
        text
        == f"The state {name} that the model keeps is not finite itself: nan at [0, 0, 0]. Begin it anew."
    )


def test_half_precision(x):
    model = Reader().half()
    with torch.no_grad():
        model.head.weight.fill_(6e4)
    text = where_not_finite(model, 100 * x.half(), lambda m, x: m(x).float().sum())
    assert "The output of head (Linear) is the first" in text
    assert "65504" in text


def root(model, x):
    out = model.rnn(x)[0]
    return out.sum() + torch.sqrt(out[5] * 0).sum()


def not_taken(model, x):
    out = model(x)
    return torch.where(out > 0, out.sqrt(), 0 * out).sum()


class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return g * math.nan


BACK = {
    "the root of 0": (root, ["`sqrt` in the loss", "inf at [0, 0], where its argument is 0", "1e-8"]),
    "the branch not taken": (not_taken, ["`sqrt` in the loss", "nan at", "where its argument is -"]),
    "a power": (lambda m, x: ((m(x) * 0) ** 0.5).sum(), ["`pow` in the loss", "its argument is 0", "base"]),
    "a backward of one's own": (lambda m, x: Broken.apply(m(x)).sum(), ["backward of your function `Broken`"]),
    "a distance": (lambda m, x: (m(x) * 0).flatten().pow(2).sum().sqrt(), ["`sqrt` in the loss", "inf"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BACK)
def test_the_first_function_on_the_way_back(case, x):
    loss, parts = BACK[case]
    model = Reader()
    assert loss(model, x).isfinite()
    text = where_not_finite(model, x, loss)
    assert text.startswith("On the way back from the loss, ")
    for part in parts:
        assert part in text
    with pytest.raises(NonFiniteError) as caught:
        bptt.diagnose(model, x, loss)
    assert text in str(caught.value)
    assert all(p.grad is None for p in model.parameters())


class Spoilt(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x / torch.zeros_like(x)

    @staticmethod
    def backward(ctx, g):
        return g


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_not_seen_is_named_by_what_reads_it(x):
    class Divide(nn.Module):
        def forward(self, x):
            return x / 0

    head = nn.Sequential(torch.jit.script(Divide()), nn.Linear(H, 2))
    text = where_not_finite(Reader(head=head), x, total)
    assert text.startswith("A tensor that `linear` reads in head.1 is")
    model = Reader(head=nn.Linear(H, 2))
    text = where_not_finite(model, x, lambda m, x: Spoilt.apply(m(x)).sum())
    assert "`div` in the loss" in text


def test_a_hook_that_spoils_a_gradient(x):
    def loss(model, x):
        out = model(x)
        out.register_hook(lambda gradient: gradient * math.inf)
        return out.tanh().sum()

    text = where_not_finite(Reader(), x, loss)
    assert (
        "the gradient by what `linear` gives in head is the first that is not finite: inf" in text
    )
    assert text.endswith("or a hook on that tensor changes it.")


def test_the_first_module_on_the_way_back(x):
    class Root(nn.Module):
        def forward(self, x):
            return (x.square() * 0).sum(-1).sqrt()

    text = where_not_finite(Reader(head=nn.Sequential(nn.Linear(H, 2), Root())), x, total)
    assert "`sqrt` in head.1 is the first" in text


def test_nothing_that_lasts(x):
    """A loss that is finite when it is run again says so, and no hook stays."""
    model = Reader()
    assert "Run once more" in where_not_finite(model, x, total)
    before = {n: p.clone() for n, p in model.named_parameters()}
    where_not_finite(model, x, root)
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name])
        assert value.grad is None


def test_a_batch_that_can_be_read_once(x):
    batches = iter([x * math.nan])
    with pytest.raises(
        NonFiniteError, match="the loss raised StopIteration: pass a batch that can be read twice"
    ):
        bptt.diagnose(Reader(), batches, lambda m, each: m(next(each)).sum())
