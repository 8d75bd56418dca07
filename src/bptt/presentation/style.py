"""How figures for print look: one font, sizes in points, widths in millimetres; read from a TOML file.

font = "DejaVu Sans"
size = 7                 # pt, of all labels
line = 1.0               # pt
one_column = 88          # mm
two_columns = 180        # mm
ratio = 0.66             # height over width
dpi = 600                # of .png
map = "cividis"          # or "blue-orange"
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bptt.arrays import as_choice, as_number
from bptt.errors import FileError, OptionError
from bptt.files import reason

MAPS = ("cividis", "blue-orange")
# What a number may be, and what to pass in its place.
RANGES = {
    "size": ("[3, 40]", "7 is 7 points."), "line": ("(0, 10]", "1 is one point."),
    "one_column": ("[20, 2000]", "88 is 88 mm."), "two_columns": ("[20, 2000]", "180 is 180 mm."),
    "ratio": ("[0.1, 10]", "0.66 is two thirds of the width."), "dpi": ("[50, 2400]", "600 is usual."),
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How figures for print look.

    Attributes:
        font: of every letter. DejaVu Sans has all of the symbols (λ₁, φ′, ‖ ‖, ∂).
        size: of all labels, in points.
        line: width of curves, in points.
        one_column: width of a figure that goes into one column, in mm.
        two_columns: of one that goes over two.
        ratio: height of a figure over its width.
        dpi: dots per inch of a .png.
        map: colours of values around zero: "cividis", which grows lighter all the way and so survives grey print, or
            "blue-orange", as on the page.
    """

    font: str = "DejaVu Sans"
    size: float = 7.0
    line: float = 1.0
    one_column: float = 88.0
    two_columns: float = 180.0
    ratio: float = 0.66
    dpi: float = 600.0
    map: str = "cividis"

    def __post_init__(self) -> None:
        """Refuse what no figure can have."""
        for name, (limits, cure) in RANGES.items():
            as_number(name, getattr(self, name), limits, cure)
        as_choice("map", self.map, MAPS)
        if not isinstance(self.font, str) or not self.font.strip():
            raise OptionError("font", "the name of a font", repr(self.font), 'Pass "DejaVu Sans".')

    def width(self, width: str | float) -> float:
        """A width in mm: "one" column, "two" columns, or a number of mm.

        Raises:
            OptionError: if it is none of them.
        """
        named = {"one": self.one_column, "two": self.two_columns}
        if isinstance(width, str):
            if width in named:
                return named[width]
            try:
                width = float(width)
            except ValueError:
                raise OptionError(
                    "width", '"one" or "two" columns, or a number of mm', repr(width), "Pass one of them."
                ) from None  # fmt: skip
        return as_number("width", width, "[20, 2000]", '"one" and "two" are columns, 88 is 88 mm.')


def read_style(path: str | Path) -> Style:
    """A style from a TOML file; what it does not name stays as it is.

    Raises:
        FileError: if it is missing, is not TOML, or names something else.
        OptionError: if a value is none that a figure can have.
    """
    names = tuple(each.name for each in fields(Style))
    try:
        given: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise FileError(str(path), "a TOML file", why, "Check the path.") from error
    except tomllib.TOMLDecodeError as error:
        raise FileError(
            str(path), "TOML", f"a mistake in it: {error}", "For example size = 8"
        ) from error
    for name in given:
        if name not in names:
            raise FileError(str(path), "one of " + ", ".join(names), repr(name), "Choose one.")
    return Style(**given)


def as_style(style: Any) -> Style:
    """A style, the path of one, or the usual one for None.

    Raises:
        OptionError, FileError: as ``read_style``.
    """
    if style is None:
        return Style()
    if isinstance(style, str | Path):
        return read_style(style)
    if isinstance(style, Style):
        return style
    raise OptionError(
        "style", "the path of a TOML file, or a Style", type(style).__name__,
        "Make one with bptt.presentation.style.Style(size=8).",
    )  # fmt: skip
