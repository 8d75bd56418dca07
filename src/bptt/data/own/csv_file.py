"""Sequences in a .csv file: one row a step, a header; columns sequence and target, every other column an input."""

import csv

import numpy as np

from bptt import files
from bptt.data.own.finite import check_numbers
from bptt.data.own.own import Own
from bptt.errors import FileError


def read_csv(source: str) -> Own:
    """Read it.

    Raises:
        FileError: if it is missing or not what it says.
    """
    try:
        with open(source, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(source, "a .csv file", files.reason(error), "Check the path.") from error
    names = list(rows[0]) if rows else []
    inputs = [name for name in names if name not in ("sequence", "target")]
    if "target" not in names or not inputs:
        raise FileError(
            source, "a header with target and at least one input", f"columns {names}",
            "One row per step; a column sequence tells the sequences apart.",
        )  # fmt: skip
    try:
        table = np.array([[float(row[name]) for name in inputs] for row in rows])
        target = np.array([float(row["target"]) for row in rows])
    except (TypeError, ValueError) as error:
        raise FileError(
            source, "a number in every cell", str(error), "Fill or drop the row."
        ) from error
    check_numbers(source, table, target)
    if (target == np.round(target)).all():
        target = target.astype(int)
    keys = [row.get("sequence", "") for row in rows]
    order = list(dict.fromkeys(keys))
    places = [np.array([i for i, key in enumerate(keys) if key == wanted]) for wanted in order]
    sequences, targets = [table[p] for p in places], [target[p] for p in places]
    if len(order) > 1 and all((t == t[0]).all() for t in targets):
        targets = [t[0] for t in targets]  # one class per sequence
    return Own(sequences, targets)
