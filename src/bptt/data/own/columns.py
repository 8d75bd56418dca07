"""Sequences in a table: a row a step; columns say which sequence, what is asked for, and what the network reads.

    sequence   tells the sequences apart; without it all rows are one sequence
    target     what is asked for: one per sequence where it never changes within one, else one at every step
    the rest   inputs, but for a column that only counts the steps or holds dates

Targets that are all whole numbers are classes, and so are words, and codes such as 01 and 02.
"""

import re

import numpy as np

from bptt.arrays import Array
from bptt.data.own.classes import numbered
from bptt.data.own.clocks import in_order, is_dates, only_counts
from bptt.data.own.names import found
from bptt.data.own.own import Own
from bptt.data.own.reading import Reading
from bptt.data.own.table import Table, is_number
from bptt.data.own.words import listed
from bptt.errors import FileError, OptionError

SEQUENCES = ("sequence", "sequence_id", "seq", "seq_id", "series", "series_id", "id")
TARGETS = ("target", "targets", "label", "labels", "class")
CODE = re.compile("0[0-9]+$")
EXACT = 2.0**53  # whole numbers below it are exact in float64
NO_HEADER = " Or write a header as the first row, if there is none."
CHOOSE = "Correct it, or choose columns of numbers: inputs=NAME,NAME."


def sequences_in(table: Table, reading: Reading) -> Own:
    """The sequences of a table.

    Args:
        table: as it stands in the file.
        reading: what the user says.

    Raises:
        FileError: if a column is missing, or a cell is not what it must be.
        OptionError: if a name that is said is none of its columns.
    """
    file, names = table.file, list(table.columns)
    reading.refuse(("batch_first",), f"for {file}, which has a row for every step")
    by = found(file, names, SEQUENCES, "sequence", reading.sequence)
    target = found(file, [n for n in names if n != by], TARGETS, "target", reading.target)
    if target is None:
        raise FileError(
            file, "a column target or label, or the name of another", f"columns {listed(names)}",
            "Name the column of the targets: target=NAME." + NO_HEADER * any(map(is_number, names)),
        )  # fmt: skip
    rest = [n for n in names if n not in (by, target)]
    places, clock = in_order(table, rest, _places(table, by, said=reading.sequence is not None))
    chosen = list(table.chosen)
    if by is None:
        chosen.append("no column sequence, so all rows are one sequence")
    elif by.lower() != "sequence":
        chosen.append(f"a sequence for each {by}")
    if clock is not None:
        chosen.append(f"rows put in the order of {clock}")
    inputs, left_out = _inputs(table, rest, reading, places)
    if target in inputs:
        raise OptionError(
            "inputs", f"columns beside the target, {target}", target, "Leave it out of the inputs."
        )
    chosen += [f"left out, for {why}: {listed(those)}" for why, those in left_out.items() if those]
    numbers = np.column_stack([table.numbers(name, CHOOSE) for name in inputs])
    asked, classes = _target(table, target)
    targets = [asked[rows] for rows in places.values()]
    if len(places) > 1 and all((t == t[0]).all() for t in targets):
        targets = [t[0] for t in targets]
    return Own(
        [numbers[rows] for rows in places.values()], targets, tuple(inputs), listed(inputs), target,
        tuple(places), classes, tuple(chosen),
    )  # fmt: skip


def _places(table: Table, by: str | None, *, said: bool) -> dict[str, Array]:
    """The rows of each sequence, in the order in which they first come."""
    if by is None:
        return {"0": np.arange(len(table.rows))}
    found: dict[str, list[int]] = {}
    for row, key in enumerate(table.words(by)):
        found.setdefault(key, []).append(row)
    if len(found) == len(table.rows) > 1 and not said:
        raise FileError(
            table.file, "several rows of each sequence, a row per step", f"another {by} in every row",
            "Name the column that distinguishes the sequences: sequence=NAME.",
        )  # fmt: skip
    return {key: np.array(rows) for key, rows in found.items()}


def _inputs(
    table: Table, rest: list[str], reading: Reading, places: dict[str, Array]
) -> tuple[list[str], dict[str, list[str]]]:
    """The names of the inputs, and of the columns that are left out, by the reason."""
    if reading.inputs is not None:
        for name in reading.inputs:
            found(table.file, list(table.columns), (), "inputs", name)
        return list(reading.inputs), {}
    if not rest:
        raise FileError(
            table.file, "at least one column of inputs", "none beside the sequence and the target",
            "Write a column for each number that the network reads at a step.",
        )  # fmt: skip
    counters = [name for name in rest if only_counts(table, name, places)]
    dates = [name for name in rest if name not in counters and is_dates(table, name)]
    inputs = [name for name in rest if name not in (*counters, *dates)]
    if not inputs:  # a network must read something
        return rest, {}
    return inputs, {"it only counts": counters, "it holds dates": dates}


def _target(table: Table, name: str) -> tuple[Array, tuple[str, ...] | None]:
    """What is asked for, as numbers or classes, and the names of the classes that are words."""
    cells = table.columns[name]
    if table.is_text(name) or (isinstance(cells, list) and any(map(CODE.match, cells))):
        return numbered(np.array(table.words(name)))
    numbers = table.numbers(name, "Write numbers in all of its cells, or words in all.")
    whole = (np.abs(numbers) < EXACT).all() and (numbers == np.round(numbers)).all()
    return (numbers.astype(np.int64) if whole else numbers), None
