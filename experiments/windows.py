"""(k) Aicher, Foti & Fox 2019: a window shorter than the lag does not learn, one that is chosen for a tolerable bias does.

python -m experiments windows

Their copy, their network, their BPTT(2K, K), their estimate of K; Adam in the place of SGD. Temporal order is read in whole sequences, of
which the gradient reaches the last K steps.
"""

import numpy as np

import bptt
from bptt.data import tasks
from bptt.training import Adam
from bptt.training.checkpoint import Checkpoint
from bptt.training.schedules import Constant
from bptt.training.sources import TaskSource
from bptt.training.states import at_rest, carried, reading
from bptt.training.update import Update
from experiments.adaptive import BIASES, HIDDEN, LAYERS, estimated, straight
from experiments.running import in_parallel

LAG, SYMBOLS, BATCH = 5, 4, 32
RATE, UPDATES = {"copy": 1e-2, "temporal order": 3e-3}, {"copy": 2000, "temporal order": 800}
LEAST, SEEDS = 2, 3
LAGS, SETTLING = 30, 20  # that the gradient is measured over; steps read before
FIXED = {"copy": (2, 5, 10, LAGS), "temporal order": (10, 20, LAGS)}
LENGTH = LAGS  # of temporal order
MARKS = 20  # times that the network is scored, and the window chosen


class Copying:
    """A stream of words: a marker and LAG - 1 symbols, which are to be said while LAG blanks follow."""

    def __init__(self, batch, rng):
        self.words, self.shift, self.rng = [], rng.integers(2 * LAG, size=batch), rng
        self.at, self.length, self.batch = 0, LEAST, batch

    def codes(self, first, end):
        """(inputs, targets), (end - first, B) each."""
        steps = np.arange(first, end)[:, None] + self.shift
        word, place = steps // (2 * LAG), steps % (2 * LAG)
        while len(self.words) <= word.max():
            drawn = self.rng.integers(2, 2 + SYMBOLS, (LAG, self.batch))
            drawn[0] = 1
            self.words.append(drawn)
        said = np.array(self.words[word.min() : word.max() + 1])
        said = said[word - word.min(), place % LAG, np.arange(self.batch)]
        return np.where(place < LAG, said, 0), np.where(place < LAG, 0, said)

    def chunk(self, steps):
        """x and targets of the next steps."""
        inputs, targets = self.codes(self.at, self.at + steps)
        self.at += steps
        return np.eye(2 + SYMBOLS, dtype="float32")[inputs], targets

    def arguments(self, network, n, state):
        """Of update n."""
        return carried(*self.chunk(self.length), state)

    def starts(self, n):
        """Never anew."""
        return False

    def fitted(self, network, n):
        """The network itself."""
        return network

    def score(self, network):
        """How many of the symbols are said, of another stream."""
        x, targets = Copying(256, np.random.default_rng(2**32)).chunk(4 * LAG)
        said = network.run(x, targets).o.argmax(-1)[2 * LAG :]
        asked = targets[2 * LAG :] > 1
        return float((said == targets[2 * LAG :])[asked].mean())

    def measured(self):
        """x and targets whose last step has the loss that is split by lag."""
        x, targets = self.chunk(SETTLING + LAGS)
        return x, targets[-1]


class Cut(TaskSource):
    """Whole sequences; the state is carried up to the last steps, and the gradient reaches these alone."""

    length = LEAST

    def arguments(self, network, n, state):
        """Of update n."""
        drawn = super().arguments(network, n, state)
        return cut(network, drawn["x"], drawn["targets"], min(self.length, len(drawn["x"])))

    def measured(self):
        """x and targets."""
        drawn = self.task.batch(self.batch, np.random.default_rng([self.seed, 2**31])).arguments("float32")  # fmt: skip
        return drawn["x"], drawn["targets"]


def cut(network, x, targets, steps):
    """The arguments of a run over the last steps."""
    state = at_rest(network, x.shape[1])
    if steps < len(x):
        trace = network.stack.forward(x[:-steps])
        state = [tuple(part[-1] for part in each.states) for each in trace.traces]
    return carried(x[-steps:], targets, state)


def by_lag(network, x, targets):
    """(K,) mean size of ∂E/∂s_{t-k}, of all layers' states, and size of what the means of lags 0 .. k add up to."""
    network, sizes, kept, total = reading(network, "last"), [], [], 0.0
    for steps in range(1, min(LAGS, len(x)) + 1):
        grads = network.backward(network.run(**cut(network, x, targets, steps)))
        # E is the mean over the sequences
        errors = np.concatenate([v for name, v in grads.items() if name.endswith(("h0", "c0"))], 1)
        sizes.append(float(np.linalg.norm(errors.astype(float), axis=1).sum()))
        total = total + errors.sum(0, dtype=float)
        kept.append(float(np.linalg.norm(total)))
    return np.array(sizes), np.array(kept)


def chosen(network, source, bias):
    """Their K."""
    sizes, kept = by_lag(network, *source.measured())
    some = sizes > 0
    sizes, kept = sizes[some], kept[some]
    log_beta, _ = straight(np.log(sizes), 0)
    K = estimated(sizes, kept, log_beta, int(0.8 * len(sizes)), bias)
    return min(max(LEAST, K or LAGS), LAGS), float(np.exp(log_beta))


def one(name, K, bias, seed, updates):
    """Trained with a window of K, or with one that is chosen for a bias."""
    rng = np.random.default_rng([seed, 7])
    if name == "copy":
        source, sizes, at = (
            Copying(BATCH, rng),
            (2 + SYMBOLS, 2 + SYMBOLS, "cross_entropy"),
            "every",
        )
    else:
        task = tasks.order2(LENGTH)
        source, sizes, at = Cut(task, BATCH, seed), (task.inputs, task.outputs, task.loss), "last"
    inputs, outputs, loss = sizes
    network = bptt.Network.init(
        inputs,
        HIDDEN,
        outputs,
        "pytorch",
        cell="lstm",
        layers=LAYERS,
        loss=loss,
        loss_at=at,
        rng=seed,
    )
    optimiser = Adam(RATE[name])
    run = Checkpoint(network, optimiser.state, at_rest(network, BATCH))
    source.length, points, marks = K, [], min(MARKS, updates // 10)
    for mark in range(marks + 1):
        if K is None:
            source.length, beta = chosen(network, source, bias)
        points.append({"updates": run.done, "K": source.length, "score": source.score(network)})
        if K is None:
            points[-1]["beta"] = beta
        tail = source.length if name == "copy" else 0
        update = Update(source, optimiser, Constant(), 1.0, 0.0, tail)
        while run.done < min(mark + 1, marks) * updates // marks:
            update(run, "")
            run.done += 1
    return {"points": points}


def run(quick):
    """Every task and window."""
    seeds = range(SEEDS) if not quick else (0,)
    settings = [
        {
            "name": name,
            "K": K,
            "bias": bias,
            "seed": seed,
            "updates": 30 if quick else UPDATES[name],
        }
        for name, fixed in FIXED.items()
        for K, bias in [(K, None) for K in fixed] + [(None, bias) for bias in BIASES]
        for seed in seeds
    ]
    return {"lag": LAG, "runs": in_parallel(one, settings, "(k) windows")}
