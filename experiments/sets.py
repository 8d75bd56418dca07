"""Which networks: the development set, on which the prognosis is chosen and fitted, and the held-out set.

The development set is the 72 of (a), which ``experiments.reach`` trains, the 192 of ``tasks192``, and those of ``further``, ``slow``,
``noisy`` and ``carrying``.
"""

from experiments import reach

TWELVE = (
    "tanh, PyTorch's init", "tanh, orthogonal", "tanh, gaussian × 1.5", "softsign, orthogonal × 1.3",
    "relu, orthogonal", "leaky relu, orthogonal", "leaky relu, identity", "LSTM, PyTorch's init",
    "LSTM, forget bias 1", "LSTM, orthogonal, forget bias 3", "GRU, PyTorch's init", "GRU, orthogonal",
)  # fmt: skip
CARRYING = ("LSTM, forget bias 5", "LSTM, chrono", "GRU, update bias 4")
FOURTEEN = (
    "tanh, PyTorch's init", "tanh, orthogonal", "tanh, gaussian × 1.5", "relu, orthogonal",
    "relu, identity, W_F of PyTorch", "leaky relu, orthogonal", "LSTM, PyTorch's init",
    "LSTM, forget bias 1", "LSTM, orthogonal, forget bias 3", "GRU, PyTorch's init", "GRU, orthogonal",
    *CARRYING,
)  # fmt: skip
STACKED = (
    "tanh, orthogonal", "relu, orthogonal", "LSTM, PyTorch's init", "LSTM, orthogonal, forget bias 3",
    "LSTM, chrono", "GRU, PyTorch's init", "GRU, update bias 4",
)  # fmt: skip
SIZES = (32, 64, 100)


def record(work, kind, hidden, layers, seed, updates, **how):
    """The settings of one network."""
    return {
        "work": work, "kind": kind, "hidden": hidden, "layers": layers, "seed": seed, "updates": updates,
    } | how  # fmt: skip


def single(work, shift=0, seed=0, **how):
    """Fourteen kinds of one layer; the sizes go round, beginning with that of number ``shift``."""
    return [
        record(work, kind, SIZES[(n + shift) % 3], 1, seed, batch=16, **how)
        for n, kind in enumerate(FOURTEEN)
    ]


def double(work, **how):
    """Seven kinds of two layers."""
    return [
        record(work, kind, SIZES[n % 2], 2, 0, batch=16, **how) for n, kind in enumerate(STACKED)
    ]


def adding72():
    """Those of (a)."""
    return [
        record(f"adding {T}", kind, reach.HIDDEN, 1, seed, reach.UPDATES)
        for T in (50, 100, 200) for kind in reach.NETWORKS for seed in range(3)
    ]  # fmt: skip


def tasks192():
    """Twelve kinds on eight tasks, two seeds."""
    works = ("order2 30", "order2 50", "xor 14", "xor 20", "permutation 30", "permutation 60",
             "adding 40", "adding 80")  # fmt: skip
    return [
        record(work, kind, 50, 1, seed, 1500)
        for seed in (0, 1)
        for work in works
        for kind in TWELVE
    ]


def further():
    """Events at short lags, stacks of two, and small real sets."""
    events = ("events 40 lag 25", "events 80 lag 50", "events 120 lag 90")
    kinds = TWELVE[1::2] + CARRYING
    records = [record(work, kind, 50, 1, 0, 1000, rate=2e-3) for work in events for kind in kinds]
    for work in ("order2 30", "xor 14", "permutation 30", "adding 40", events[1]):
        records += [record(work, kind, 40, 2, 0, 1000) for kind in STACKED[:6]]
    for work in ("italy_power_demand", "gunpoint", "basic_motions"):
        records += [record(work, kind, 32, 1, 0, 400, batch=16) for kind in FOURTEEN]
    return records


def slow():
    """Real work that is learnt slowly, or in part: pictures a pixel at a time, and outlines from a few sequences."""
    works = (("textures", 1000), ("faces", 600), ("arrow_head", 600), ("osuleaf", 600))
    records = [one for work, updates in works for one in single(work, updates=updates)]
    return records + [one for work, updates in works[:2] for one in double(work, updates=updates)]


def carrying():
    """Sums by networks whose gates carry, or that begin as the identity: what the remedies make."""
    kinds = (*CARRYING, "LSTM, orthogonal, forget bias 3", "relu, identity, W_F of PyTorch")
    return [
        record(f"adding {T}", kind, 50, 1, 0, 2000, rate=1e-3)
        for T in (50, 100, 200)
        for kind in kinds
    ]


def development():
    """All of them, in the order in which they are kept."""
    return adding72() + tasks192() + further() + slow() + noisy() + carrying()


def held_out():
    """What nothing may be chosen on: two tasks of events, digits at two lengths, and two sets of real sequences."""
    works = (
        ("events 200 lag 150", 3, {"updates": 1500, "rate": 2e-3}),
        ("events 100 lag 60", 3, {"updates": 1000, "rate": 2e-3}),
        ("digits 64", 2, {"updates": 1000}),
        ("digits 90", 2, {"updates": 1000}),
        ("vowels", 2, {"updates": 300}),
        ("acsf1", 1, {"updates": 600, "rate": 2e-3}),
    )
    records = []
    for work, seeds, how in works:
        for seed in range(seeds):
            records += single(work, seed, seed, **how)
        records += double(work, **how)
    return records


def noisy():
    """Names, appliances, a reactor, symbols in order: of the first two the answer cannot always be known."""
    works = (
        ("names", {"updates": 1000, "rate": 2e-3}),
        ("plaid", {"updates": 600, "rate": 2e-3}),
        ("trace", {"updates": 600}),
        ("order3 40", {"updates": 1500}),
    )
    return [one for work, how in works for one in (*single(work, 1, **how), *double(work, **how))]


def unseen():
    """What was first trained when the fit that it is told by was fixed: spellings, and the weather."""
    works = (
        ("syllables", {"updates": 1000, "rate": 2e-3}),
        ("initial", {"updates": 1000}),
        ("stress", {"updates": 1000, "rate": 2e-3}),
        ("rain", {"updates": 600}),
    )
    return [one for work, how in works for one in (*single(work, 2, **how), *double(work, **how))]


def text():
    """Networks that read text, where learning has no mark: bits per character are what is predicted."""
    kinds = FOURTEEN[::2] + FOURTEEN[5::4] + CARRYING[:2]
    return [
        record("text 64", kind, (64, 100)[n % 2], 1, 0, 1000, rate=2e-3, batch=16)
        for n, kind in enumerate(kinds)
    ]
