"""What every page needs before it shows anything, imported and computed once, before the first page is opened."""

from bptt.derivation import Derivation
from bptt.lab import ahead, asking, learning, live, maps, opening, pictures, scalar, texts
from bptt.lab.exercises.of_one_unit import expression
from bptt.lab.measured import measured

IMPORTED = (ahead, asking, live, maps, scalar)  # they bring packages with them that take seconds


def make_ready() -> None:
    """Compute what a page begins with, so that whatever is kept from then on is there."""
    shown = measured(opening.FIRST)
    for picture in pictures.OF_NETWORK:
        picture.spec(shown)
        picture.rows(shown)
    texts.aligned(Derivation(3, "scalar"))
    expression(opening.ONE)
    pictures.cliff.spec(pictures.descents())
    learnt = next(learning.rounds(learning.USUAL, learning.OPEN, 0))
    pictures.loss.spec(learnt)
    pictures.reach.spec(learnt)
