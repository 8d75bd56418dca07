"""The colours of everything that is drawn: on paper, on a dark ground, on the terminal."""

from dataclasses import dataclass

# Okabe & Ito: told apart in every kind of colour blindness. Each has 3:1 against white.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#888888"
NAMES = {BLUE: "blue", ORANGE: "orange", GREEN: "green", PURPLE: "purple", GREY: "grey"}
PALE = "#f2f2f2"  # the middle of a scale from blue to orange
# Lighter ones of the same set, for a dark ground.
ON_DARK = {
    BLUE: "#56B4E9", ORANGE: "#E69F00", GREEN: GREEN, PURPLE: PURPLE, GREY: "#A3A3AE",
    PALE: "#33343c",  # the middle of a scale is what stands out least
}  # fmt: skip


@dataclass(frozen=True)
class Tone:
    """The colour of a verdict. Words are written in it, so it has 4.5:1 against its ground.

    Attributes:
        light: on white.
        dark: on a dark ground.
        terminal: its name there.
    """

    light: str
    dark: str
    terminal: str


VERDICT_TONES = {
    "vanishing": Tone("#0072B2", "#6CBDF0", "blue"),
    "exploding": Tone("#B34700", "#FF9A5C", "red"),
    "steady": Tone("#00704F", "#46CFA4", "green"),
}
# Of what a look ahead foretells.
OUTLOOK_TONES = {
    "will learn": VERDICT_TONES["steady"],
    "will not learn": VERDICT_TONES["exploding"],
    "cannot tell": Tone("#5b5b66", "#a9a9b6", "yellow"),
}
