"""A plan in a TOML file.

sample = 500            # these four may be left out
sample_seed = 0
train_updates = 0
lr = 0.001
[axes]
gain = "0.5:3:26"
cell = ["rnn", "gru"]
[base]
hidden = 128
"""

import tomllib
from pathlib import Path
from typing import Any

from bptt.configuration import Configuration
from bptt.errors import FileError
from bptt.files import check_regular, reason
from bptt.sweeps.plan.axes import NAMES, canonical
from bptt.sweeps.plan.plan import Plan

NUMBERS = ("sample", "sample_seed", "train_updates", "lr")


def read_plan(path: str | Path) -> Plan:
    """Read a plan from a TOML file.

    Raises:
        FileError: if it is missing, is not TOML, or holds something else.
        OptionError: if a value of the base is not one that its field can have.
    """
    try:
        check_regular(path)
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(str(path), "a TOML file", _why(error), "Check the path.") from error
    except tomllib.TOMLDecodeError as error:
        raise FileError(
            str(path), "TOML", f"a mistake in it: {error}", 'For example [axes], gain = "0.5:3:26".'
        ) from error
    _check_names(path, tables, ("axes", "base", *NUMBERS), "")
    for table in ("axes", "base"):
        part = tables.setdefault(table, {})
        if not isinstance(part, dict):
            raise FileError(
                str(path), f"a table [{table}]", repr(part), f"Write [{table}] above its fields."
            )
        _check_names(path, part, NAMES, f" in [{table}]")
    base = Configuration(**{name: canonical(name, value) for name, value in tables["base"].items()})
    for name in NUMBERS:
        if not isinstance(tables.get(name, 0), int | float):
            raise FileError(str(path), f"{name}, a number", repr(tables[name]), "Write a number.")
    return Plan(tables["axes"], base, **{name: tables[name] for name in NUMBERS if name in tables})


def _check_names(
    path: str | Path, table: dict[str, Any], names: tuple[str, ...], where: str
) -> None:
    for name in table:
        if name not in names:
            raise FileError(
                str(path), "one of " + ", ".join(names) + where, repr(name), "Choose one."
            )


def _why(error: Exception) -> str:
    return reason(error) if isinstance(error, OSError) else str(error)
