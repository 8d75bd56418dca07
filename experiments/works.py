"""The works that networks are trained on for the prognosis: data, needed lag and budget of each, by name.

A work's name says what it is: "order2 30" is the task of that length, "events 80 lag 50" an event 50 steps back in 80,
"text 64" a text in chunks of 64. The others are sets of real sequences.
"""

from dataclasses import dataclass, replace
from functools import cache

from bptt.data import Series, Task, Text, tasks
from bptt.data.series import PACKAGED, Batch
from experiments.packaged import SETS, packaged

SLOWER = {
    "acsf1": 10,
    "plaid": 10,
    "osuleaf": 4,
    "arrow_head": 2,
    "trace": 3,
}  # read at a part of their rate
# Of real sequences no lag is known. By the nearest training sequence, compared on the last n steps, these two sets are told
# best from their very end (n = 1 names 94 % of JapaneseVowels, n = 2 52 % of ACSF1, of 57 % at most).
MEASURED_LAG = 1
# Of these it was not measured: half of a picture, the fifth letter from the end, the usual word's first letter, ten days.
TAKEN_LAG = {
    "faces": 32,
    "textures": 32,
    "names": 4,
    "osuleaf": 53,
    "arrow_head": 62,
    "trace": 45,
    "plaid": 10,
    "syllables": 5,
    "initial": 7,
    "rain": 10,
    "stress": 6,
}


@dataclass(frozen=True)
class Work:
    """What a network is to learn, and how it is trained.

    Attributes:
        name: of the work.
        data: a task, series or text.
        needed_lag: how far back it must look.
        updates: the budget.
        steps: of a sequence; of a text, of a chunk.
        rate: Adam's learning rate.
        batch: sequences per update.
    """

    name: str
    data: Task | Series | Text
    needed_lag: int
    updates: int
    steps: int
    rate: float
    batch: int


@cache
def work(name: str, updates: int, rate: float = 1e-3, batch: int = 32) -> Work:
    """A work by name, with its budget."""
    kind, *numbers = name.replace("lag ", "").split()
    how = {"updates": updates, "rate": rate, "batch": batch}
    if kind == "text":
        length = int(numbers[0])
        return Work(name, Text.load("text"), needed_lag=length // 2, steps=length, **how)
    if not numbers:
        series = packaged(kind) if kind in SETS else Series.load(kind)
        series = slower(series, SLOWER[kind]) if kind in SLOWER else series
        lag = TAKEN_LAG.get(kind, MEASURED_LAG)
        return Work(name, series, needed_lag=lag, steps=len(series.train.x), **how)
    length, *lag = map(int, numbers)
    task = tasks.events(length, lag=lag[0]) if lag else tasks.load(kind, length)
    return Work(name, task, task.needed_lag, steps=task.steps, **how)


def needed_lag(name: str) -> int:
    """That of a work, without the data where it is a set of sequences."""
    kind = name.split()[0]
    if kind in (*SETS, *PACKAGED):
        return TAKEN_LAG.get(kind, MEASURED_LAG)
    return work(name, 1).needed_lag


def slower(series: Series, times: int) -> Series:
    """A set at a part of its rate: the mean of so many steps, the last few of a sequence left out."""

    def part(batch: Batch) -> Batch:
        T, B, I = batch.x.shape
        x = batch.x[: T - T % times].reshape(T // times, times, B, I).mean(1)
        return replace(batch, x=x, lengths=batch.lengths // times)

    return replace(series, train=part(series.train), held_out=part(series.held_out))
