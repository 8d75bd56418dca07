"""How many pages a server bears: each open page is a notebook of its own, which takes about 10 MB."""

import time
from collections import Counter
from itertools import count

MOST = 32  # pages: a class, and what two processors bear
STAYS = 30  # seconds for which a page that went away may come back to what it computed
FULL = (
    f"This server shows {MOST} pages at a time, and all are taken. Close one, or try again in {STAYS} seconds: "
    "a page that was closed keeps its place for so long."
)


class Places:
    """Which pages are open, which were a moment ago, and for how many a place is kept.

    Args:
        most: pages at a time.
        stays: seconds for which a page keeps its place after it went away, and is given one before it comes.
    """

    def __init__(self, most: int = MOST, stays: float = STAYS) -> None:
        self._most, self._stays = most, stays
        self._open = Counter[str]()
        self._left: dict[str, float] = {}  # when
        self._kept: dict[int, float] = {}  # since when
        self._numbers = count()

    def free(self) -> bool:
        """Whether one more page has a place."""
        since = time.monotonic() - self._stays
        self._left = {page: at for page, at in self._left.items() if at > since}
        self._kept = {number: at for number, at in self._kept.items() if at > since}
        return len(self._open.keys() | self._left.keys()) + len(self._kept) < self._most

    def keep(self) -> int | None:
        """Keep a place for a page that is being sent, and has no name yet; the number of the place, None if there is none."""
        if not self.free():
            return None
        number = next(self._numbers)
        self._kept[number] = time.monotonic()
        return number

    def give_up(self, number: int) -> None:
        """The page that the place was kept for will not come."""
        self._kept.pop(number, None)

    def take(self, page: str) -> bool:
        """A place for a page; False if there is none. A page that comes back has its own, a new one the oldest that is kept."""
        if page not in self._open and page not in self._left:
            if not (self.free() or self._kept):
                return False
            self._kept.pop(next(iter(self._kept), -1), None)
        self._open[page] += 1
        self._left.pop(page, None)
        return True

    def leave(self, page: str, *, came: bool) -> None:
        """The page went away.

        Args:
            page: which.
            came: whether it was let in; only then it may come back.
        """
        self._open[page] -= 1
        if not self._open[page]:
            del self._open[page]
            if came:
                self._left[page] = time.monotonic()
