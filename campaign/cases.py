"""What is killed: commands, what each leaves, and what must be true of it whenever the kill came."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bptt import files, sweeps
from bptt.errors import BpttError

BPTT = [sys.executable, "-m", "bptt"]


class Lost(Exception):
    """Something that was there is gone, or what is there is not whole."""


@dataclass(frozen=True)
class Case:
    """A command.

    Attributes:
        name: of it.
        command: of a folder's file, whether it is there already, to what is run.
        output: the file that it writes.
        whole: refuses what a kill left, given the file and what stood there before the run; gives what must stay.
        same: whether the end of a run that was killed is that of one that was not, given both files.
        begin: puts into a folder what the command needs; may be None.
        patience: seconds in which all its processes must have ended after a kill, on a machine with other work.
    """

    name: str
    command: Callable[[Path, bool], list[str]]
    output: str
    whole: Callable[[Path, object], object]
    same: Callable[[Path, Path], bool]
    begin: Callable[[Path], None] | None = None
    patience: float = 5.0


def _train(file: Path, resume: bool) -> list[str]:
    network = [] if resume else ["--hidden", "16", "--cell", "gru"]
    training = [
        "--length", "8", "--window", "20", "--batch", "4", "--updates", "150", "--checkpoint-every", "5",
    ]  # fmt: skip
    return [*BPTT, "train", "--out", str(file), *network, *training, *["--resume"] * resume]


def _weights_whole(file: Path, before: object) -> object:
    """Its updates, which never go back."""
    if not file.exists():
        if before is not None:
            raise Lost(f"{file.name} is gone")
        return None
    try:
        _, notes = files.read_tensors(file)
    except BpttError as error:
        raise Lost(str(error)) from error
    updates = json.loads(notes["run"])["updates"]
    if isinstance(before, int) and updates < before:
        raise Lost(f"{file.name} went back from update {before} to {updates}")
    return updates


def _same_weights(one: Path, other: Path) -> bool:
    (a, _), (b, _) = files.read_tensors(one), files.read_tensors(other)
    return a.keys() == b.keys() and all((a[key] == b[key]).all() for key in a)


def _sweep(engine: str, workers: int) -> Callable[[Path, bool], list[str]]:
    points = ["--gain", "0.5:3:20", "--seed", "0:1", "--hidden", "16", "--length", "100"]
    where = ["--engine", engine, "--workers", str(workers)]
    return lambda file, resume: [*BPTT, "sweep", "--out", str(file), *where, *points]


def _rows(file: Path) -> list[dict[str, object]]:
    rows = sweeps.open(file).rows()
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def _rows_whole(file: Path, before: object) -> object:
    """Its rows; those that were there stay as they are."""
    if not file.exists():
        if before:
            raise Lost(f"{file.name} is gone")
        return []
    try:
        rows = _rows(file)
    except BpttError as error:
        if before:
            raise Lost(str(error)) from error
        return []  # killed before there was a table in it
    if isinstance(before, list) and [repr(row) for row in rows[: len(before)]] != [
        repr(row) for row in before
    ]:
        raise Lost(f"{file.name} has other rows than before")
    return rows


def _same_rows(one: Path, other: Path) -> bool:
    return sorted(map(repr, _rows(one))) == sorted(map(repr, _rows(other)))


def _page(*command: str) -> Callable[[Path, bool], list[str]]:
    return lambda file, resume: [*BPTT, *command, "--report", str(file)]


def _old_page(folder: Path) -> None:
    (folder / "page.html").write_text("<html>an older page</html>")


def _page_whole(file: Path, before: object) -> object:
    """The older page, or all of the new one."""
    if not file.exists():
        raise Lost(f"{file.name} is gone")
    text = file.read_text()
    if not text.rstrip().endswith("</html>"):
        raise Lost(f"{file.name} ends in the middle")
    return None


def _new_page(one: Path, other: Path) -> bool:
    return min(len(one.read_text()), len(other.read_text())) > 10_000


PAGES = {
    "diagnose": ("diagnose", "--hidden", "16", "--length", "40", "--data", "noise", "--updates", "10"),
    "prognosis": ("prognosis", "--hidden", "8", "--data", "adding", "--length", "20", "--budget", "50"),
    "remedies": ("remedies", "--hidden", "8", "--data", "adding", "--length", "20", "--budget", "60", "--only", "orthogonal,gru"),
}  # fmt: skip
# name of the engine: what --engine is given, workers, and the seconds in which all processes must have ended. The processes
# of a cluster end by the rules of its library: Ray's look for their parent every few seconds.
ENGINES = {
    "serial": ("threads", 1, 5.0), "threads": ("threads", 2, 5.0), "loky": ("loky", 2, 5.0),
    "dask": ("dask", 2, 10.0), "ray": ("ray", 2, 30.0),
}  # fmt: skip
CASES = [
    Case("train", _train, "model.safetensors", _weights_whole, _same_weights),
    *(
        Case(f"sweep, {name}", _sweep(engine, workers), "sweep.sqlite", _rows_whole, _same_rows, patience=seconds)
        for name, (engine, workers, seconds) in ENGINES.items()
    ),
    *(
        Case(f"the page of {name}", _page(*command), "page.html", _page_whole, _new_page, _old_page)
        for name, command in PAGES.items()
    ),
]  # fmt: skip
