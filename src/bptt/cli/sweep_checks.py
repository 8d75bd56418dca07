"""What a sweep is asked for, refused before hours are spent on it."""

from pathlib import Path
from typing import TYPE_CHECKING

from bptt.cli.context import refuse
from bptt.cli.models import say_what_was_read

if TYPE_CHECKING:
    from bptt.sweeps import Plan


def read_files(plan: "Plan") -> None:
    """Read every file of sequences once, and say what was read.

    Raises:
        FileError, OptionError: if one cannot be read.
    """
    from bptt.data import is_file_of_sequences
    from bptt.sweeps.plan.plan import sources

    for setting in sources(plan.points()):
        if is_file_of_sequences(setting.data):
            say_what_was_read(setting.loaded())


def refuse_ignored(plan: "Plan", only_read: bool) -> None:
    """Refuse options that change no point.

    Raises:
        OptionError: naming them.
    """
    from bptt.data import is_file_of_sequences, is_series
    from bptt.layers.kinds import KINDS
    from bptt.sweeps.plan.plan import READING

    measuring = (
        *READING,
        "sample",
        "sample_seed",
        "train_updates",
        "lr",
        "engine",
        "workers",
        "address",
        "retry_failed",
        "refine",
        "no_curves",
    )
    refuse(
        measuring,
        only_read,
        "without a setting to vary: the rows of --out are read, none is measured",
    )
    refuse(("sample_seed",), plan.sample is None, "without --sample")
    refuse(("lr",), plan.train_updates == 0, "without --train-updates")
    cells = set(_values(plan, "cell"))
    fixed_activation = {name for name, kind in KINDS.items() if not kind.cell.choose_phi}
    gated = f"for {' and '.join(sorted(cells))}, whose activations are fixed"
    refuse(("activation",), bool(cells) and cells <= fixed_activation, gated)
    sources = _values(plan, "data")
    read = any(map(is_file_of_sequences, sources))
    named = f"for {' and '.join(sources)}: only a file of sequences is read by names"
    refuse(READING, not read, named)
    fixed = bool(sources) and all(map(is_series, sources))
    refuse(
        ("length",),
        fixed,
        f"for {' and '.join(sources)}, whose sequences have a length of their own",
    )


def _values(plan: "Plan", name: str) -> tuple[str, ...]:
    """The words that a field takes in the sweep."""
    from bptt.sweeps.plan.axes import as_axis

    axis = plan.axes.get(name)
    return (getattr(plan.base, name),) if axis is None else as_axis(name, axis).on_grid()


def check_drawn(path: Path | None, drawn: dict[str, str]) -> None:
    """Refuse words about a map before hours are spent on its points.

    Raises:
        OptionError: if there is no map, or no such field or column.
    """
    from bptt.errors import OptionError
    from bptt.sweeps.maps.grid import NUMBERS
    from bptt.sweeps.point.rows import CONFIGURATION

    refuse(tuple(drawn), path is None, "without --map, which says where the map goes")
    for name, words in drawn.items():
        allowed = NUMBERS if name == "colour" else tuple(CONFIGURATION)
        for word in names_in(words) if name == "split" else (words,):
            if word not in allowed:
                raise OptionError(name, "one of " + ", ".join(allowed), word, "Pass one of them.")


def check_rows(rows: str | None, export: Path | None) -> None:
    """Refuse words about the exported rows.

    Raises:
        OptionError: if nothing is exported, or there are no such rows.
    """
    from bptt.arrays import as_choice
    from bptt.sweeps.tidy import TABLES

    refuse(("rows",), export is None, "without --export, which says where the rows go")
    if rows is not None:
        as_choice("rows", rows, TABLES)


def names_in(words: str) -> tuple[str, ...]:
    """Names that are separated by commas."""
    return tuple(word.strip() for word in words.split(",") if word.strip())
