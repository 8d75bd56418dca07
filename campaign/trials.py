"""What is done to a command: it is killed, its disk is full or read-only, a second one writes the same file."""

import contextlib
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from campaign import disks
from campaign.cases import Case, Lost
from campaign.processes import Ended, folder_for, killed, started, to_its_end

IN_A_ROW = 5  # kills of a run, at most, before it may go to its end
PAGES = (1, 12)  # of a disk that is too small, least and most


@dataclass
class Tried:
    """What came of trials of one kind.

    Attributes:
        times: how many: of kills, those alone that met a running command.
        ended: runs that went to their end afterwards, and came to what a run that nobody troubled comes to.
        slowest: seconds from a kill until the last process had ended, at most.
        wrong: what was lost, in sentences.
    """

    times: int = 0
    ended: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Straight(NamedTuple):
    """The file of a run that nobody troubled, and its seconds."""

    file: Path
    seconds: float


def straight(case: Case, folder: Path) -> Straight:
    """Run the command once in a folder that was made for it."""
    ended = to_its_end(case, folder / case.output)
    if ended.code:
        raise RuntimeError(f"{case.name} does not run here: {ended.error}")
    return Straight(folder / case.output, ended.seconds)


def kill(case: Case, kills: int, expected: Straight, draw: random.Random) -> Tried:
    """Kill the command so many times, up to five times in a row before it may go to its end."""
    tried = Tried()
    while tried.times < kills:
        moments: list[float] = []
        with folder_for(case) as folder:
            try:
                _one_run(case, folder / case.output, kills, expected, draw, tried, moments)
            except Lost as lost:
                tried.wrong.append(f"{case.name}, killed at {moments} s: {lost}")
    return tried


def _one_run(
    case: Case, file: Path, kills: int, expected: Straight, draw: random.Random, tried: Tried, moments: list[float]
) -> None:  # fmt: skip
    before = None
    for _ in range(min(IN_A_ROW, kills - tried.times)):
        moments.append(round(draw.uniform(0, 1.05 * expected.seconds), 2))
        try:
            gone = killed(case, file, moments[-1])
        except Lost:
            tried.times += 1
            raise
        if gone is None:
            break
        tried.times += 1
        tried.slowest = max(tried.slowest, round(gone, 1))
        before = case.whole(file, before)
    _goes_on(case, file, before, expected)
    tried.ended += 1


def full(case: Case, times: int, expected: Straight, draw: random.Random) -> Tried:
    """The disk is too small; once there is room, the same command goes to the same end."""
    tried = Tried()
    for _ in range(times):
        pages = draw.randint(*PAGES)
        with disks.small_disk(pages) as folder, _losses(tried, f"{case.name}, {pages} pages"):
            file = folder / case.output
            if case.begin is not None:
                case.begin(folder)
            _refused_or_done(to_its_end(case, file))
            before = case.whole(file, None)
            disks.make_room(folder)
            _goes_on(case, file, before, expected)
    return tried


def read_only(case: Case) -> Tried:
    """Nobody may write to the disk: one clear error, and what was there is as it was."""
    tried = Tried()
    with disks.small_disk(4096) as folder, _losses(tried, f"{case.name}, read-only"):
        if case.begin is not None:
            case.begin(folder)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        disks.forbid_writing(folder)
        ended = to_its_end(case, folder / case.output)
        _refused_or_done(ended)
        if ended.code == 0:
            raise Lost("it says that it has written")
        if {path.name: path.read_bytes() for path in folder.iterdir()} != before:
            raise Lost("the folder is another")
    return tried


def two_writers(case: Case, expected: Straight) -> Tried:
    """Two of the same command at the same file: at least one comes to its end, and the file is whole."""
    tried = Tried()
    with folder_for(case) as folder, _losses(tried, f"{case.name}, two writers"):
        file = folder / case.output
        with started(case, file) as one, started(case, file) as other:
            both = [Ended(each.process.wait(), each.said(), 0.0) for each in (one, other)]
        for ended in both:
            _refused_or_done(ended)
        if all(ended.code for ended in both):
            raise Lost(" / ".join(ended.error[-200:] for ended in both))
        _same_end(case, file, None, expected)
    return tried


@contextlib.contextmanager
def _losses(tried: Tried, what: str):  # type: ignore[no-untyped-def]
    """Count a trial, and what it lost."""
    tried.times += 1
    try:
        yield
        tried.ended += 1
    except Lost as lost:
        tried.wrong.append(f"{what}: {lost}")


def _refused_or_done(ended: Ended) -> None:
    """Nothing but the end of the work, or an error of ours in one line."""
    if "Traceback" in ended.error or ended.code not in (0, 2):
        raise Lost(f"it ended with {ended.code}: {ended.error[-300:]}")
    if ended.code and not ended.error.strip().splitlines()[-1].startswith("bptt: "):
        raise Lost(f"no error of ours: {ended.error[-300:]}")


def _goes_on(case: Case, file: Path, before: object, expected: Straight) -> None:
    ended = to_its_end(case, file)
    if ended.code:
        raise Lost(f"the same command again ends with {ended.code}: {ended.error[-300:]}")
    _same_end(case, file, before, expected)


def _same_end(case: Case, file: Path, before: object, expected: Straight) -> None:
    case.whole(file, before)
    if not case.same(file, expected.file):
        raise Lost("the end is another than that of a run that nobody troubled")
