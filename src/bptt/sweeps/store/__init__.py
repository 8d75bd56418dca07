"""The file of a sweep: one SQLite database with one writer, checked before it is read."""

from bptt.sweeps.store.store import Store

__all__ = ["Store"]
