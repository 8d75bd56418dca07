"""Who goes on, who stands first, what it costs, and what is said where nothing can be trained."""

from dataclasses import replace

import numpy as np
import pytest

import bptt
from bptt.data import tasks
from bptt.errors import NonFiniteError, OptionError
from bptt.prognoses import Measured, NetworkLearner, Prognosis, measure
from bptt.remedies import Costs, NetworkSubject, Settings, Tried, try_remedies
from bptt.remedies.rounds import SHALLOWEST, Plan, halved
from bptt.remedies.tried import order
from tests.remedies.test_remedies import subject_of

TASK = tasks.adding(12)
COSTS = Costs(per_group=3, per_copy=28)
ONLY = ["orthogonal", "identity-relu", "omega", "lr-down"]


def small(budget=60, seed=0, **options):
    """A fresh network on short sums, which learns nothing in so few updates."""
    network = bptt.Network.init(2, 8, 1, loss="mse", loss_at="last", rng=seed, **options)
    batch = TASK.batch(16, np.random.default_rng(5)).arguments()
    return NetworkSubject.of(network, batch, TASK.needed_lag, TASK, Settings(budget, batch=4))


@pytest.mark.parametrize("dear", [1.0, 4.0])
@pytest.mark.parametrize("candidates", [1, 2, 7, 14, 30])
@pytest.mark.parametrize("budget", [500, 2000])
def test_the_plan_halves_and_keeps_to_the_budget(candidates, budget, dear):
    """Whoever is left, the dearest included; a race that the budget does not pay for makes one update of each."""
    prices = [1.0] + [1.0] * (candidates - 1) + [dear]
    plan = Plan.of(prices, budget, COSTS)
    rounds, spent = [], plan.time - plan.left
    while plan.counts:
        alive = [1.0, *sorted(prices[1:], reverse=True)[: plan.counts[0]]]
        before = plan.depth
        each = plan.next(alive)
        spent += sum(alive) * (each.depth - before + COSTS.per_group * each.groups)
        rounds.append(each)
    assert rounds[0].candidates == candidates
    assert rounds[-1].candidates == min(2, candidates)
    assert rounds[0].depth >= SHALLOWEST * 0.1 * budget - 1  # never a ranking after next to nothing
    assert [each.depth for each in rounds] == sorted({each.depth for each in rounds})
    assert spent <= plan.time
    assert plan.time == budget or budget < 2000 or candidates == 30
    assert rounds[-1].depth <= 0.2 * budget


def test_every_round_that_is_paid_for_halves():
    assert halved(13, 9) == [13, 7, 4, 2]
    plan = Plan.of([1.0] * 5, 20_000, COSTS)
    rounds = [plan.next([1.0] * (1 + plan.counts[0])) for _ in range(len(plan.counts))]
    assert [each.candidates for each in rounds] == [4, 2]
    assert [each.groups for each in rounds] == [3, 12]


def test_a_copy_that_costs_more_has_its_price():
    """An LSTM in the place of a plain layer, and Ω; what changes the training alone costs what the model does."""
    ranking = try_remedies(small(), only=["lstm", "gru", "omega", "lr-down", "orthogonal"])
    prices = {each.name: each.price for each in ranking.tried}
    assert prices["as it is"] == prices["lr-down"] == prices["orthogonal"] == 1
    assert prices["omega"] == 2
    assert 2 < prices["gru"] < prices["lstm"] < 4


def test_every_update_is_counted_and_the_better_half_goes_on():
    seen = []
    ranking = try_remedies(small(1000), only=ONLY, progress=lambda *done: seen.append(done))
    race = ranking.race
    assert race.updates == sum(len(each.prognosis.losses) for each in ranking.tried) <= 1000
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, *_ in seen] == sorted(done for done, *_ in seen)
    depths = sorted((len(each.prognosis.losses) for each in ranking.tried), reverse=True)
    last = race.rounds[-1]
    assert depths[: last.candidates + 1] == [last.depth] * (last.candidates + 1)
    assert len(ranking.before.prognosis.losses) == last.depth
    out = [each for each in ranking.tried if each.rounds == 1]
    assert len(out) == 2  # of four
    for each in ranking.tried:  # measured at the start and at the end of every round
        updates = [m.update for m in each.prognosis.measured]
        assert updates == [0, *(r.depth for r in race.rounds[: each.rounds])]


def test_the_leader_runs_with_a_larger_learning_rate_too():
    """From its first update on, on the same weights, within the time; ``apply`` says the rate."""
    subject = small(1000)
    ranking = try_remedies(
        subject, only=["orthogonal", "identity-relu", "scaled-identity", "lr-up"]
    )
    (faster,) = (each for each in ranking.tried if each.combined)
    name = faster.name.removesuffix("+lr-up")
    plain = ranking.named(name)
    assert faster.settings == replace(plain.settings, lr=3e-3)
    assert faster.changes == {"lr": 3e-3}
    assert "learning rate 0.003 instead of 0.001" in faster.sentences
    for one, other in zip(faster.subject.layers, plain.subject.layers, strict=True):
        assert (one.W_R == other.W_R).all()
    *_, before, last = ranking.race.rounds
    updates = [m.update for m in faster.prognosis.measured]
    assert updates == [0, before.depth, last.depth]
    alone = NetworkLearner(faster.subject.model, TASK, needed_lag=6, batch=4, lr=3e-3)
    assert faster.prognosis.measured[0] == measure(alone, 1, 0)
    losses = []
    alone.advance(last.depth, losses.append)
    assert faster.prognosis.losses == tuple(losses)
    assert ranking.race.updates <= 1000
    assert ranking.apply(faster.name) == {"lr": 3e-3}
    assert (subject.network.layer.W_R == plain.subject.layers[0].W_R).all()


def test_without_the_remedy_lr_up_no_change_is_combined_with_it():
    assert not any(each.combined for each in try_remedies(small(1000), only=ONLY).tried)


def test_of_equals_the_one_with_the_larger_learning_rate_stands_first():
    plain = tried("plain", loss=0.4)
    faster = replace(tried("plain+lr-up", loss=0.4), combined=True)
    own = tried("as it is", loss=0.4)
    assert [each.name for each in sorted([plain, faster, own], key=order)] == [
        "as it is", "plain+lr-up", "plain",
    ]  # fmt: skip
    better = replace(tried("plain+lr-up", loss=0.6), combined=True)
    assert sorted([plain, better], key=order)[0] is plain


def test_the_same_seed_ranks_the_same_and_the_model_is_left_alone():
    subject = small()
    kept = {name: value.copy() for name, value in subject.network.parameters().items()}
    first, again = (try_remedies(subject, only=ONLY, rng=0) for _ in range(2))
    assert [each.name for each in first.tried] == [each.name for each in again.tried]
    for a, b in zip(first.tried, again.tried, strict=True):
        assert a.prognosis.losses == b.prognosis.losses
        assert a.prognosis.measured == b.prognosis.measured
    for name, value in subject.network.parameters().items():
        assert (value == kept[name]).all()


def test_a_copy_races_as_a_learner_does_that_trains_alone():
    subject = small(100)
    ranking = try_remedies(subject, only=["orthogonal"])
    each = ranking.named("orthogonal")
    alone = NetworkLearner(ranking.model("orthogonal"), TASK, needed_lag=6, batch=4)
    losses = []
    alone.advance(len(each.prognosis.losses), losses.append)
    assert each.prognosis.losses == tuple(losses)


def measured(update, loss, reach):
    return Measured(update, loss, 1.0, reach, None, None, None)


def tried(name, loss=1.0, reach=-0.5, rounds=3, stopped=None):
    points = (measured(0, 1.0, reach), measured(200, loss, reach))
    return Tried(
        name, "", "", (), None, None, {}, None,
        Prognosis(50, 2000, points, (), stopped=stopped, diverged=stopped is not None), 0.0, rounds,
    )  # fmt: skip


def test_what_vanishes_and_does_not_learn_cannot_stand_first():
    """By heart: a training loss of zero is read nowhere; the held-out loss and the reach decide."""
    own = tried("as it is", reach=-9.0)
    vanishing, steady = tried("vanishing", reach=-6.0, loss=0.99), tried("steady", loss=0.99)
    learning = tried("learning", reach=-2.1, loss=0.4)  # learnt all the same
    broken = tried("broken", stopped="The training broke off after 3 updates: infinity")
    early = tried("left behind", rounds=1)
    ranked = sorted([broken, vanishing, own, early, steady, learning], key=order)
    names = [each.name for each in ranked]
    assert names[:2] == ["learning", "steady"]
    assert names.index("as it is") < names.index("vanishing")
    assert names.index("as it is") < names.index("broken")
    assert names.index("steady") < names.index("left behind")
    alike = sorted([tried("no better"), tried("as it is")], key=order)
    assert alike[0].name == "as it is"


def test_one_that_breaks_off_ends_nothing(monkeypatch):
    begun = NetworkLearner.advance

    def advance(self, updates, note):
        if self.lr < 5e-4:
            raise NonFiniteError("loss", "a finite number", "inf", "Lower it.")
        begun(self, updates, note)

    monkeypatch.setattr(NetworkLearner, "advance", advance)
    ranking = try_remedies(small(), only=["lr-down", "orthogonal"])
    assert ranking.tried[-1].name == "lr-down"
    prognosis = ranking.tried[-1].prognosis
    assert prognosis.diverged
    assert "got inf" in prognosis.stopped
    assert ranking.named("orthogonal").rounds > 0


def test_a_hand_on_the_keys_leaves_what_is_known():
    def progress(done, total, work):
        if work.endswith("3 of 5"):
            raise KeyboardInterrupt

    ranking = try_remedies(small(400), only=ONLY, progress=progress)
    assert ranking.race.stopped == f"Interrupted after {ranking.race.updates} updates."
    assert len(ranking.tried) == 5
    raced = [each for each in ranking.tried if each.rounds]
    assert [each.name for each in ranking.tried[: len(raced)]] == [each.name for each in raced]
    assert 0 < len(raced) < 5


def test_a_hand_on_the_keys_before_the_race():
    def progress(done, total, work):
        if work.endswith("identity-relu"):
            raise KeyboardInterrupt

    ranking = try_remedies(small(), only=ONLY, progress=progress)
    assert {each.name for each in ranking.tried} == {"as it is", "orthogonal"}
    assert ranking.race is None


def test_without_data_the_batch_is_split():
    subject = small()
    batch = TASK.batch(40, np.random.default_rng(1)).arguments()
    alone = replace(subject, batch=batch, data=None)
    ranking = try_remedies(alone, only=["orthogonal"])
    assert ranking.no_trial is None
    learner = alone.learner(alone.settings)
    held = {b.x[:, n].tobytes() for b in learner.held_out.batches for n in range(b.x.shape[1])}
    assert len(held) == 12  # three in ten of forty
    few = replace(alone, batch={name: value[..., :23, :] if name == "x" else value[:23] for name, value in batch.items()})  # fmt: skip
    ranking = try_remedies(few, only=["orthogonal"])
    assert ranking.race is None
    assert "at least 24 sequences" in ranking.no_trial
    assert "got 23" in ranking.no_trial
    assert "No trial: pass data=…" in str(bptt.diagnose(few.network, few.batch).try_remedies(only=["orthogonal"], progress=False))  # fmt: skip


def test_data_that_cannot_be_held_out_are_refused():
    subject = small()
    other = replace(subject, data=tasks.load("order2", 30))
    with pytest.raises(OptionError, match="network: expected"):
        try_remedies(other, only=["orthogonal"])


def test_without_a_race_the_reach_decides():
    subject = subject_of()
    ranking = try_remedies(subject, only=["gain", "orthogonal"])
    assert ranking.race is ranking.no_trial is None
    assert ranking.best.name == "gain"
    assert ranking.tried[-1].name == "as it is"
    assert ranking.tried[-1].vanishes


def test_bad_options():
    subject = subject_of()
    with pytest.raises(OptionError, match="only: expected names among gain"):
        try_remedies(subject, only=["magic"])
    with pytest.raises(OptionError, match="a remedy that applies"):
        try_remedies(subject, only=["chrono"])
    report = bptt.diagnose(subject.network, tuple(subject.batch.values()))
    for name, value, expected in (
        ("budget", -1, "a whole number from 0"), ("budget", 200.5, "a whole number from 0"),
        ("budget", 39, "at least 40 updates, or 0"),
        ("batch", 0.5, "a whole number from 1"), ("seed", 1.5, "a whole number from 0"),
        ("lr", 0, "a positive number"), ("lr", "fast", "a positive number"),
        ("clip", 0, "a positive number"), ("clip", np.nan, "a positive number"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=f"{name}: expected {expected}"):
            report.try_remedies(progress=False, **{name: value})
    found = report.try_remedies(only=["orthogonal"], budget=0.0, progress=False)
    with pytest.raises(OptionError, match="it was not tried"):
        found.apply("gain")


@pytest.mark.parametrize("sequences", [24, 26])
def test_a_batch_with_a_loss_at_listed_steps_is_trained_on(sequences, rng):
    """Targets (n, B): sequences are chosen along the second axis."""
    net = bptt.Network.init(3, 5, 2, loss_at=(6, 7), rng=0)
    x = rng.normal(size=(8, sequences, 3)).astype("float32")
    batch = x, rng.integers(2, size=(2, sequences))
    ranking = bptt.diagnose(net, batch).try_remedies(only=["orthogonal"], budget=40, progress=False)
    assert np.isfinite(ranking.before.prognosis.losses).all()
    assert len(ranking.before.prognosis.losses) > 0
