"""What a look ahead trains on and what it holds out: no sequence is in both, whatever form the data come in."""

from collections import UserDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, TensorDataset

from bptt.errors import OptionError
from bptt.torch_models import ModuleLearner, batches_of

T, H = 6, 4
Pair = namedtuple("Pair", "x y")


class Model(nn.Module):
    """A GRU that reads one number a step: the sequence's own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.out = nn.GRU(1, H), nn.Linear(H, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[1][0])[:, 0]


def loss(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def numbered(first, count):
    """Sequences each of which holds its own number alone."""
    numbers = torch.arange(first, first + count, dtype=torch.float32)
    return numbers.expand(T, count)[..., None].clone(), numbers.clone()


def numbers(batches):
    """Of the sequences in some batches."""
    return {int(n) for batch in batches for n in batch[1]}


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_loader_is_gone_through_again_without_what_is_held_out(shuffle):
    x, y = numbered(0, 120)
    dataset = TensorDataset(x.transpose(0, 1), y)
    generator = torch.Generator().manual_seed(5)
    loader = DataLoader(
        dataset, batch_size=4, shuffle=shuffle, generator=generator,
        collate_fn=lambda rows: (torch.stack([x for x, _ in rows], 1), torch.stack([y for _, y in rows])),
    )  # fmt: skip
    before = generator.get_state()
    parts = batches_of(loader, Model(), loss)
    trained = [parts.at(n) for n in range(100)]
    assert len(parts.held) == 6
    assert not numbers(parts.held) & numbers(trained)
    assert numbers(parts.held) | numbers(trained) == set(range(120))
    assert torch.equal(generator.get_state(), before)
    again = batches_of(loader, Model(), loss)
    assert numbers(again.held) == numbers(parts.held)
    assert numbers(batches_of(loader, Model(), loss, seed=1).held) != numbers(parts.held)
    assert parts.per_group == 1


def test_a_few_batches_are_held_out_in_parts():
    """A spread cannot be told from two or three groups."""
    parts = batches_of([numbered(20 * n, 20) for n in range(12)], Model(), loss)
    assert [len(y) for _, y in parts.held] == [10] * 6
    assert parts.per_group == 2
    assert len(numbers(parts.held)) == 60
    assert not numbers(parts.held) & numbers([parts.at(n) for n in range(18)])
    learner = ModuleLearner(Model(), parts, loss)
    assert learner.batch == 20

    def only_as_a_whole(model, batch):
        return loss(model, batch) + (batch[1] - torch.zeros(20)).mean()

    whole = batches_of([numbered(20 * n, 20) for n in range(12)], Model(), only_as_a_whole)
    assert [len(y) for _, y in whole.held] == [20] * 3


def test_a_function_draws_what_is_held_out_first():
    drawn = iter(range(1000))
    parts = batches_of(lambda: numbered(4 * next(drawn), 4), Model(), loss)
    assert numbers(parts.held) == set(range(4 * len(parts.held)))
    assert numbers([parts.at(3)]) == {4 * (len(parts.held) + 3) + n for n in range(4)}
    assert numbers([parts.at(3)]) == numbers([parts.at(3)])  # whoever asks


def test_data_that_draw_random_numbers_leave_those_of_others():
    state = torch.get_rng_state()
    parts = batches_of(lambda: (torch.randn(T, 4, 1), torch.randn(4)), Model(), loss, seed=7)
    first = parts.at(0)[0]
    assert torch.equal(torch.get_rng_state(), state)
    torch.randn(3)
    other = batches_of(lambda: (torch.randn(T, 4, 1), torch.randn(4)), Model(), loss, seed=7)
    assert torch.equal(other.at(0)[0], first)
    assert not torch.equal(other.at(1)[0], first)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (lambda: (numbered(4 * n, 4) for n in range(20)), "an iterator that ended after 16. Pass a list"),
        (lambda: iter([numbered(4 * n, 4) for n in range(30)]).__next__, "an iterator that ended after 18"),
    ],
)  # fmt: skip
def test_data_that_end_too_early(data, match):
    parts = batches_of(data(), Model(), loss)
    with pytest.raises(OptionError, match=match):
        _ = [parts.at(n) for n in range(40)]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ([], "data: expected batches to learn from, got none"),
        (numbered(0, 20), "at least 24 sequences.*got 20 in 1 batch. "),
        ([numbered(0, 3), numbered(3, 3)], "at least 24 sequences.*got 6 in 2 batches"),
        (TensorDataset(numbered(0, 40)[1]), "a TensorDataset, which holds single samples"),
        ((torch.zeros(40, 40, 1), torch.zeros(40)), r"batch\[0\] of shape \(40, 40, 1\)"),
    ],
)  # fmt: skip
def test_data_that_leave_too_little(data, match):
    with pytest.raises(OptionError, match=match):
        batches_of(data, Model(), loss)


def test_a_batch_whose_loss_takes_it_only_as_a_whole():
    def fixed(model, batch):
        return loss(model, batch) + (batch[1] - torch.zeros(40)).mean()

    with pytest.raises(OptionError, match="whose first half the loss raises RuntimeError"):
        batches_of(numbered(0, 40), Model(), fixed)


def test_a_batch_may_be_a_list_as_a_loader_gives_it():
    one, several = list(numbered(0, 40)), [numbered(0, 40)]
    expected = numbers(batches_of(several, Model(), loss).held)
    assert numbers(batches_of(one, Model(), loss).held) == expected


def test_batches_of_one_sequence_are_refused():
    with pytest.raises(OptionError, match="data: expected batches of several sequences"):
        ModuleLearner(Model(), [numbered(n, 1) for n in range(20)], loss)


def test_a_single_batch_is_split():
    parts = batches_of(numbered(0, 40), Model(), loss, batch=10)
    trained = [parts.at(n) for n in range(6)]
    assert len(numbers(parts.held)) == 12
    assert numbers(parts.held) | numbers(trained) == set(range(40))
    assert not numbers(parts.held) & numbers(trained)
    for x, y in (*parts.held, *trained):
        assert (x[..., 0] == y).all()  # sequences and targets stay together
    assert numbers(trained[:3]) == numbers(trained[3:])  # two rounds
    assert [len(y) for _, y in trained[:3]] != [28]
    assert parts.per_group == pytest.approx(10 / len(parts.held[0][1]))
    few = batches_of([numbered(0, 30), numbered(30, 30)], Model(), loss)
    assert not numbers(few.held) & numbers([few.at(n) for n in range(8)])


@dataclass
class Box:
    """A batch as a class of one's own."""

    x: torch.Tensor
    y: torch.Tensor
    name: str = "a box"


def as_packed(x, y):
    lengths = torch.arange(len(y)) % T + 1
    return pack_padded_sequence(x, lengths, enforce_sorted=False), y


FORMS = {
    "a named tuple": (Pair, lambda b: (b.x, b.y)),
    "a dict": (lambda x, y: {"in": {"x": x}, "y": y, "weights": torch.ones(7)}, lambda b: (b["in"]["x"], b["y"])),
    "a dict of its own kind": (lambda x, y: UserDict(x=x, y=y), lambda b: (b["x"], b["y"])),
    "a dataclass": (Box, lambda b: (b.x, b.y)),
    "arrays": (lambda x, y: (x.numpy(), y.numpy()), lambda b: (torch.from_numpy(b[0]), torch.from_numpy(b[1]))),
    "batch first, and a list per sequence": (
        lambda x, y: (x.transpose(0, 1), y.tolist()), lambda b: (b[0].transpose(0, 1), torch.tensor(b[1])),
    ),
    "packed": (as_packed, lambda b: b),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_batch(form):
    make, read = FORMS[form]
    parts = batches_of([make(*numbered(0, 40))], Model(), lambda m, b: loss(m, read(b)))
    own = parts.held[0]
    assert type(own) is type(make(*numbered(0, 4)))
    x, y = read(own)
    if form == "packed":
        x, lengths = pad_packed_sequence(x)
        assert torch.equal(lengths, y.long() % T + 1)
        x = x[:1]
    assert (x[..., 0] == y).all()
    assert 1 < len(y) < 12
    learnt = ModuleLearner(Model(), parts, lambda m, b: loss(m, read(b)))
    learnt.advance(2, lambda E: None)
    assert np.isfinite([one.E for one in learnt.passes(2)]).all()


def test_an_epoch_counts_the_batches_that_are_not_held_out():
    pairs = [numbered(8 * n, 8) for n in range(20)]
    listed = batches_of(pairs, Model(), loss)
    assert listed.epoch == 20 - len(listed.held)
    assert batches_of(iter(pairs), Model(), loss).epoch is None
    assert batches_of(lambda: numbered(0, 8), Model(), loss).epoch == np.inf
    split = batches_of(numbered(0, 60), Model(), loss, batch=7)
    assert split.epoch == -(-42 // 7)  # 30 % of 60 sequences are held out
