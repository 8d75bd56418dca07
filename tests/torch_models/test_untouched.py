"""Whatever a forward pass changes in a model is put back: the same objects, the same numbers, nothing more and nothing less."""

import random
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from itertools import count

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.torch_models.as_found import untouched

T, B, I, H = 7, 3, 2, 5
Pair = namedtuple("Pair", "h c")


def x(seed=1):
    return torch.randn(T, B, I, generator=torch.Generator().manual_seed(seed))


def loss(model, batch):
    return model(batch).square().mean()


class Remembers(nn.Module):
    """An LSTM that goes on from where it stopped; ``keep`` says how it writes its state down, ``read`` how it reads it."""

    def __init__(self, keep, read, first=None, detached=True):
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.out = nn.LSTM(I, H), nn.Linear(H, 2)
        self.keep, self.read, self.detached = keep, read, detached
        self.memory = first() if first else None

    def forward(self, x):
        out, (h, c) = self.rnn(x, self.read(self))
        self.keep(self, *((h.detach(), c.detach()) if self.detached else (h, c)))
        return self.out(out)


@dataclass
class Box:
    h: object = None
    c: object = None


@dataclass(slots=True)
class Slotted:
    h: object = None
    c: object = None


class Labelled(dict):
    """With an attribute beside its entries."""

    last = None


class Cupboard:
    """Of no kind that anyone knows."""

    drawers = 0

    def __init__(self):
        self.__inside = {"state": None}

    def put(self, state):
        self.__inside["state"] = state
        type(self).drawers += 1

    def take(self):
        return self.__inside["state"]


def zeros():
    return torch.zeros(1, B, H), torch.zeros(1, B, H)


def set_memory(m, *state):
    m.memory = state


def write_in_place(m, *state):
    for old, new in zip(m.memory, state, strict=True):
        old.copy_(new)


def copies(m):
    """What is overwritten before the backward pass is not what goes into it."""
    return tuple(part.clone() for part in m.memory)


KINDS = {
    "a tuple": (set_memory, lambda m: m.memory, None),
    "a named tuple": (lambda m, h, c: set_memory(m, *Pair(h, c)), lambda m: m.memory, lambda: Pair(*zeros())),
    "in place": (write_in_place, copies, zeros),
    "in place in views of one tensor": (write_in_place, copies, lambda: tuple(torch.zeros(2, 1, B, H)[n] for n in (0, 1))),
    "in place through a list": (write_in_place, copies, lambda: list(zeros())),
    "in place through .data": (
        lambda m, *state: [a.data.copy_(b) for a, b in zip(m.memory, state, strict=True)], copies, zeros,
    ),
    ".data bound anew": (
        lambda m, *state: [setattr(a, "data", b) for a, b in zip(m.memory, state, strict=True)], copies, zeros,
    ),
    "a dict": (
        lambda m, h, c: m.memory.update(h=h, c=c), lambda m: tuple(m.memory.values()) or None, dict,
    ),
    "an ordered dict": (
        lambda m, h, c: (m.memory.clear(), m.memory.update(h=h, c=c)), lambda m: tuple(m.memory.values()) or None,
        OrderedDict,
    ),
    "a dict with attributes": (
        lambda m, *state: (setattr(m.memory, "last", state), m.memory.update(n=len(m.memory))),
        lambda m: m.memory.last, Labelled,
    ),
    "a default dict of lists": (
        lambda m, *state: m.memory["states"].append(state), lambda m: m.memory["states"][-1] if m.memory["states"] else None,
        lambda: defaultdict(list),
    ),
    "a list that grows": (
        lambda m, *state: m.memory.append(state), lambda m: m.memory[-1] if m.memory else None, list,
    ),
    "a deque": (lambda m, *state: m.memory.append(state), lambda m: m.memory[-1], lambda: deque([zeros()], maxlen=2)),
    "a set": (
        lambda m, *state: (m.memory.clear(), m.memory.add(state)), lambda m: next(iter(m.memory), None), set,
    ),
    "a dataclass": (
        lambda m, h, c: (setattr(m.memory, "h", h), setattr(m.memory, "c", c)),
        lambda m: None if m.memory.h is None else (m.memory.h, m.memory.c), Box,
    ),
    "a dataclass with slots": (
        lambda m, h, c: (setattr(m.memory, "h", h), setattr(m.memory, "c", c)),
        lambda m: None if m.memory.h is None else (m.memory.h, m.memory.c), Slotted,
    ),
    "an object of its own": (lambda m, *state: m.memory.put(state), lambda m: m.memory.take(), Cupboard),
    "an array": (
        lambda m, h, c: np.copyto(m.memory, torch.stack([h.detach(), c.detach()]).numpy()),
        lambda m: tuple(torch.from_numpy(m.memory.copy()).unbind()), lambda: np.zeros((2, 1, B, H), np.float32),
    ),
    "an attribute that is added": (
        lambda m, *state: setattr(m, "late", state), lambda m: getattr(m, "late", None), None,
    ),
    "an attribute of a module within": (
        lambda m, *state: setattr(m.rnn, "state", state), lambda m: getattr(m.rnn, "state", None), None,
    ),
    "an attribute that is deleted": (
        lambda m, *state: (vars(m).pop("memory", None), setattr(m, "other", state)), lambda m: getattr(m, "other", None), zeros,
    ),
    "an attribute of the class": (
        lambda m, *state: setattr(type(m), "shared", state), lambda m: getattr(type(m), "shared", None), None,
    ),
}  # fmt: skip


def picture(thing, path="", seen=None):
    """Everything in a model by path, identities and numbers, written without the code under test."""
    facts, seen = {}, {} if seen is None else seen
    facts[path] = [
        (thing, type(thing).__name__)
    ]  # the objects themselves, so that no id is used again
    if id(thing) in seen:
        return facts
    seen[id(thing)] = thing
    parts = {}
    if isinstance(thing, torch.Tensor):
        numbers = thing.detach().numpy().tobytes()
        facts[path] += [
            (thing.grad_fn, thing.data_ptr(), thing._version, thing.requires_grad, numbers)
        ]
        if thing.is_leaf:
            parts[".grad"] = thing.grad
    elif isinstance(thing, np.ndarray):
        facts[path] += [thing.tobytes()]
    elif isinstance(thing, count):
        facts[path] += [repr(thing)]
    elif isinstance(thing, dict):
        parts = {f".{key}": value for key, value in getattr(thing, "__dict__", {}).items()}
        parts |= {f"[{n}: {key!r}]": value for n, (key, value) in enumerate(thing.items())}
    elif isinstance(thing, list | tuple | deque):
        parts = {f"[{n}]": value for n, value in enumerate(thing)}
    elif isinstance(thing, set):  # has no order of its own
        parts = {f"{{{value!r}}}": value for value in sorted(thing, key=repr)}
    elif isinstance(thing, torch.Generator):
        facts[path] += [bytes(thing.get_state())]
    elif isinstance(thing, Slotted):
        parts = {".h": thing.h, ".c": thing.c}
    elif isinstance(thing, nn.Module | Box | Cupboard):
        parts = {f".{key}": value for key, value in vars(thing).items()}
        parts |= {f"::{key}": v for key, v in vars(type(thing)).items() if not key.startswith("__")}
    for label, part in parts.items():
        facts |= picture(part, path + label, seen)
    return facts


def assert_same(before, after):
    assert list(before) == list(after)
    for path, facts in before.items():
        (thing, kind), *numbers = facts
        (other, other_kind), *other_numbers = after[path]
        plain = isinstance(thing, int | float | str | bytes)
        assert thing == other if plain else thing is other, path
        assert kind == other_kind, path
        assert numbers == other_numbers, path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("detached", [True, False], ids=["detached", "with its past"])
@pytest.mark.parametrize("trained", [0, 2])
def test_a_model_with_a_memory_of_its_own(kind, detached, trained):
    """Before its first step and in the middle of training."""
    keep, read, first = KINDS[kind]
    detached = detached or kind == ".data bound anew"  # else autograd refuses to bind it
    Model = type("Model", (Remembers,), {})  # with attributes of its own
    model = Model(keep, read, first, detached)
    for step in range(trained):
        loss(model, x(step)).backward()
        if not detached:
            break  # it could not go back twice through the same graph
    before = picture(model)
    bptt.diagnose(model, x(), loss)
    assert_same(before, picture(model))


class Restless(nn.Module):
    """A forward pass that changes whatever there is to change."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(9, I, max_norm=0.1)
        self.norm, self.rnn = nn.BatchNorm1d(I), nn.GRU(I, H, num_layers=2, dropout=0.3)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(I))
        self.register_buffer("unset", None)
        self.calls, self.names, self.counters = 0, {"a"}, [count(), count(2.5, 0.5)]
        self.generator = torch.Generator().manual_seed(3)
        self.numpys, self.pythons = np.random.default_rng(3), random.Random(3)
        self.own = torch.randn(I, requires_grad=True)
        self.weights = [nn.Parameter(torch.ones(I))]
        self.frozen = nn.Linear(I, I).requires_grad_(False)
        self.spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(I, I))

    def forward(self, x):
        self.calls += 1
        self.steps += 1
        next(self.counters[0]), next(self.counters[1])
        self.names.add(f"call {self.calls}")
        z = self.norm(self.spectral(self.frozen(self.words(x))).flatten(0, 1)).unflatten(0, x.shape)
        self.mean = 0.9 * self.mean + 0.1 * z.mean((0, 1))
        self.unset = z
        z = (
            z
            + torch.randn(I, generator=self.generator)
            + self.numpys.random()
            + self.pythons.random()
        )
        z = z * np.random.rand() * random.random() * self.own * self.weights[0]  # noqa: NPY002
        with torch.no_grad():
            self.norm.bias.clamp_(-0.2, 0.2)
            self.weights[0].data.mul_(0.5)
        self.frozen.weight.data = self.frozen.weight.data * 0.9
        self.frozen.requires_grad_(True)
        self.norm.weight.requires_grad_(False)
        if not hasattr(self, "head"):
            self.head = nn.Linear(H, 1)
        self.head.register_forward_hook(lambda *given: None)
        self.rnn.weight_hh_l1.register_hook(lambda grad: grad)
        self.eval()
        return self.head(self.rnn(z)[0])


def words():
    return torch.randint(9, (T, B), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("trained", [False, True])
def test_a_model_in_which_nothing_stays(trained):
    model = Restless()
    loss(model, words()).backward()
    model.train()
    if not trained:
        model = Restless()  # without gradients
    before, drawn = picture(model), torch.get_rng_state()
    numpys, pythons = np.random.get_state()[1].tobytes(), random.getstate()  # noqa: NPY002
    bptt.diagnose(model, words(), loss)
    assert_same(before, picture(model))
    assert torch.equal(torch.get_rng_state(), drawn)
    assert np.random.get_state()[1].tobytes() == numpys  # noqa: NPY002
    assert random.getstate() == pythons


def test_everything_is_put_back_after_an_error():
    model = Restless()
    before = picture(model)

    def breaks(model, batch):
        loss(model, batch)
        raise KeyError("in the user's loss")

    with pytest.raises(KeyError, match="in the user's loss"):
        bptt.diagnose(model, words(), breaks)
    assert_same(before, picture(model))


def test_gradients_stay_even_where_the_loss_clears_them():
    model = nn.GRU(I, H)
    loss(lambda x: model(x)[0], x()).backward()
    before = picture(model)

    def clears(how):
        def cleared(model, batch):
            model.zero_grad(set_to_none=how)
            E = model(batch)[0].square().mean()
            (2 * E).backward(retain_graph=True)
            return E

        return cleared

    for how in (True, False):
        bptt.diagnose(model, x(), clears(how))
        assert_same(before, picture(model))


def test_a_backward_pass_that_waits_is_not_disturbed():
    """Between the user's forward and backward pass; the state carries its past over two calls of the model."""

    def gradients(between):
        model = Remembers(set_memory, lambda m: m.memory, detached=False)
        model.norm = nn.Parameter(torch.ones(H))
        E = loss(model, x(1)) + loss(model, x(2))
        between(model)
        (E + loss(model, x(3))).backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    alone = gradients(lambda model: None)
    observed = gradients(lambda model: bptt.diagnose(model, x(4), loss))
    assert all(torch.equal(a, b) for a, b in zip(alone, observed, strict=True))


def test_a_tensor_that_is_saved_for_a_backward_pass_and_written_by_the_forward_pass():
    """Put back with its version too, or autograd would refuse the user's own backward pass."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(I, H)
            self.register_buffer("scale", torch.full((I,), 0.5))

        def forward(self, x):
            y = self.rnn(x * self.scale.clone())[0]
            self.scale.mul_(0.9)
            return y

    model, weight = Scaled(), nn.Parameter(torch.ones(I))
    E = (weight * model.scale).sum()
    bptt.diagnose(model, x(), loss)
    E.backward()
    assert torch.equal(weight.grad, torch.full((I,), 0.5))


def test_of_another_process_nothing_is_written():
    """What nobody here wrote is not written back: parameters in shared memory are trained by others meanwhile."""
    model = nn.GRU(I, H)
    versions = [p._version for p in model.parameters()]
    with untouched(model):
        pass
    assert [p._version for p in model.parameters()] == versions


def test_a_huge_vocabulary_and_what_drives_a_model_are_left_alone():
    class Trainer:
        def __init__(self, model):
            self.optimizer = torch.optim.Adam(model.parameters())

    model = nn.GRU(I, H)
    model.words = {f"word {n}": n for n in range(100_000)}
    model.optimizer = torch.optim.Adam(model.parameters())
    model(x())[0].sum().backward()
    model.optimizer.step()
    moments = [state["exp_avg"] for state in model.optimizer.state.values()]
    with untouched(model) as snapshot:
        of = [id(each.of) for each in snapshot.kept]
    assert not {id(m) for m in moments} & set(of)
    assert id(model.words) in of


def test_a_module_that_is_initialised_when_it_is_first_called_waits_for_it_again():
    torch.manual_seed(0)
    model = nn.Sequential(nn.LazyLinear(I), nn.LazyBatchNorm1d(), nn.GRU(I, H, batch_first=True))
    numbers = torch.randn(B, T, 4)

    def flat(model, batch):
        y = model[0](batch)
        return model[2](model[1](y.flatten(0, 1)).unflatten(0, (B, T)))[0].square().mean()

    bptt.diagnose(model, numbers, flat)
    assert isinstance(model[0], nn.LazyLinear)
    assert isinstance(model[0].weight, nn.UninitializedParameter)
    bptt.diagnose(model, numbers, flat)
    flat(model, numbers).backward()
    assert model[0].weight.shape == model[0].weight.grad.shape == (I, 4)


def test_what_an_evaluation_in_inference_mode_left_behind():
    model = Remembers(set_memory, copies_or_none)
    with torch.inference_mode():
        model(x())
    hidden, batch = model.memory, x()
    expected = bptt.diagnose(model, batch, loss)
    assert model.memory is hidden
    for mode in (torch.inference_mode, torch.no_grad):
        with mode():
            assert bptt.diagnose(model, batch, loss).diagnosis.E == expected.diagnosis.E
    assert model.memory is hidden


def copies_or_none(m):
    return copies(m) if m.memory is not None else None
