"""The lesson as one file that needs no server: text, the network of one unit live, the whole network from stored results."""

from bptt.lab.edition.document import save

__all__ = ["save"]
