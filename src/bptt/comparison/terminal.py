"""A comparison's table for a terminal: in as many lines as its width asks for, with no cell broken."""

from collections.abc import Sequence
from itertools import chain

from rich.cells import cell_len

GAP = "  "  # between two columns

Cell = Sequence[str]  # its lines


def lines(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Heads and rows, each column as wide as what stands in it.

    A row is one line where the terminal is wide enough. Else ranges, "(low to high)", stand below their medians and verdicts below
    one another; where names are too long for that, each has a line to itself; and where nothing else fits, each number has.

    Args:
        heads: of the columns; the first is that of the names.
        rows: their cells.
        width: columns of the terminal.
    """
    numbers = [[_apart(cell) for cell in row[1:]] for row in rows]
    stacked = [list(map(_two, heads)), *([[row[0]], *each] for row, each in zip(rows, numbers, strict=True))]  # fmt: skip
    for table in ([[[cell] for cell in row] for row in (heads, *rows)], stacked):
        made = list(chain(*_set(table)))
        if _widest(made) <= width:
            return made
    head, *blocks = _set([[[""], *row[1:]] for row in stacked])
    if _widest(chain(head, *blocks)) > width:
        head, blocks = [], [_listed(heads[1:], row[1:]) for row in rows]
    return head + [line for row, block in zip(rows, blocks, strict=True) for line in (row[0], *block)]  # fmt: skip


def _apart(cell: str) -> Cell:
    """The median over its range, counts over one another."""
    middle, bracket, rest = cell.partition(" (")
    return [middle, rest.removesuffix(")")] if bracket else cell.split(", ")


def _two(head: str) -> Cell:
    """A head of four words or more in two lines."""
    words = head.split()
    half = len(words) - len(words) // 2
    return [head] if len(words) < 4 else [" ".join(words[:half]), " ".join(words[half:])]


def _listed(heads: Sequence[str], cells: Sequence[str]) -> list[str]:
    """A line for each number."""
    table = [[[""], [head], [cell]] for head, cell in zip(heads, cells, strict=True)]
    return list(chain(*_set(table)))


def _set(table: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The lines of each row, in columns."""
    widths = [_widest(chain(*column)) for column in zip(*table, strict=True)]
    made = []
    for row in table:
        filled = [[*cell, *[""] * (max(map(len, row)) - len(cell))] for cell in row]
        made.append([_joined(parts, widths) for parts in zip(*filled, strict=True)])
    return made


def _joined(parts: Sequence[str], widths: Sequence[int]) -> str:
    padded = (p + " " * (w - cell_len(p)) for p, w in zip(parts, widths, strict=True))
    return GAP.join(padded).rstrip()


def _widest(some: "chain[str] | list[str]") -> int:
    return max(map(cell_len, some), default=0)
