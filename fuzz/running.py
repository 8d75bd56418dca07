"""A run of the fuzzer: how many networks, which of them were wrong, and how far off the worst number was."""

import json
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.compare import Found, compare
from fuzz.draw import draw


@dataclass(eq=False)
class Run:
    """Networks of a seed, one after the other.

    Attributes:
        seed: of all of them.
        first: the number of the first.
        tried: how many so far.
        refused: of these, how many overflow in their forward pass, which the library says.
        beyond: of how many the library refused a gradient that is below what its type can hold beside the rest.
        wrong: numbers of the networks of which something is wrong.
        kinds: networks that have a kind of cell, both directions, and so on.
        numbers: by quantity, how many numbers were compared.
        worst: by quantity, the largest difference, in units in the last place of what was added up.
        seconds: of the processor that it took.
    """

    seed: int
    first: int = 0
    tried: int = 0
    refused: int = 0
    beyond: int = 0
    wrong: list[int] = field(default_factory=list)
    kinds: Counter = field(default_factory=Counter)
    numbers: Counter = field(default_factory=Counter)
    worst: Counter = field(default_factory=Counter)
    seconds: float = 0.0

    def next(self) -> list[str]:
        """One network more; lines about it, where something is wrong."""
        began, number = time.process_time(), self.first + self.tried
        words, found = one(self.seed, number)
        self.tried += 1
        self.refused += found.refused is not None and not found.beyond
        self.beyond += found.beyond
        self.kinds.update(kinds_of(words))
        self.numbers.update(found.numbers)
        for name, units in found.worst.items():
            self.worst[name] = max(self.worst[name], units)
        self.seconds += time.process_time() - began
        if not found.wrong:
            return []
        self.wrong.append(number)
        return [f"network {number}: {words}", *(f"    {line}" for line in found.wrong[:5])]

    def __str__(self) -> str:
        """The figures."""
        worst = ", ".join(f"{name} {units:.2g}" for name, units in sorted(self.worst.items()))
        return (
            f"seed {self.seed}: {self.tried} networks in {self.seconds / 60:.1f} minutes, {sum(self.numbers.values())} "
            f"numbers compared, {self.refused} forward passes overflow and say so, {len(self.wrong)} networks are wrong.\n"
            f"Largest differences, in units in the last place of what was added up: {worst}"
        )


def together(runs: list[Run]) -> Run:
    """Runs over different networks of one seed as one."""
    whole = Run(runs[0].seed, min(run.first for run in runs))
    for run in runs:
        whole.tried, whole.refused = whole.tried + run.tried, whole.refused + run.refused
        whole.beyond, whole.seconds = whole.beyond + run.beyond, whole.seconds + run.seconds
        whole.kinds.update(run.kinds)
        whole.numbers.update(run.numbers)
        for name, units in run.worst.items():
            whole.worst[name] = max(whole.worst[name], units)
    whole.wrong = sorted(number for run in runs for number in run.wrong)
    return whole


def kept(path: Path) -> Run:
    """A run that was written by ``keep``."""
    fields = json.loads(path.read_text())
    counters = {name: Counter(fields.pop(name)) for name in ("kinds", "numbers", "worst")}
    return Run(**fields, **counters)


def keep(run: Run, path: Path) -> None:
    """Write a run down, so that it can go on."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(vars(run)))
    part.replace(path)


def one(seed: int, number: int) -> tuple[str, Found]:
    """What network ``number`` of a seed is, and what was found; an error that nobody meant is wrong too."""
    drawn = draw(seed, number)
    try:
        return drawn.words, compare(drawn)
    except Exception:
        return drawn.words, Found(wrong=traceback.format_exc().splitlines()[-4:])


def kinds_of(words: str) -> set[str]:
    """What a network counts as: its cells, type, and what is unusual about it."""
    levels, dtype, *rest = words.split(", ")
    cells = {
        name if name in ("lstm", "gru") else "rnn"
        for level in levels.split(" / ")
        for name in level.split("+")
    }
    marks = {mark.split("=")[0] for mark in rest if mark.split("=")[0] not in ("T", "B", "|x|")}
    return (
        cells
        | marks
        | {dtype}
        | ({"both directions"} if "+" in levels else set())
        | ({"several levels"} if " / " in levels else set())
    )
