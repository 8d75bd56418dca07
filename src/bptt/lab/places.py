"""How many pages a server bears: each open page is a notebook of its own, which takes about 35 MB."""

import time
from collections import Counter

MOST = 32  # pages: a class, and about a gigabyte
STAYS = 30  # seconds for which a page that went away may come back to what it computed
FULL = (
    f"This server shows {MOST} pages at a time, and all are taken. Close one, or try again in {STAYS} seconds: "
    "a page that was closed keeps its place for so long."
)


class Places:
    """Which pages are open, and which were a moment ago.

    Args:
        most: pages at a time.
        stays: seconds for which a page keeps its place after it went away.
    """

    def __init__(self, most: int = MOST, stays: float = STAYS) -> None:
        self._most, self._stays = most, stays
        self._open = Counter[str]()
        self._left: dict[str, float] = {}  # when

    def free(self) -> bool:
        """Whether one more page has a place."""
        now = time.monotonic()
        self._left = {page: at for page, at in self._left.items() if now - at < self._stays}
        return len(self._open.keys() | self._left.keys()) < self._most

    def take(self, page: str) -> bool:
        """A place for a page; False if there is none. A page that comes back has its own."""
        if not (self.free() or page in self._open or page in self._left):
            return False
        self._open[page] += 1
        self._left.pop(page, None)
        return True

    def leave(self, page: str) -> None:
        """The page went away."""
        self._open[page] -= 1
        if not self._open[page]:
            del self._open[page]
            self._left[page] = time.monotonic()
