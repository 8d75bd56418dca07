"""What has numbers that make a table."""

from typing import Any

from bptt.tables.table import Table


class Tabular:
    """A result with a table of its numbers."""

    def table(self) -> Table:
        """Its numbers as columns with units and definitions."""
        raise NotImplementedError

    def to_frame(self, kind: str | None = None) -> Any:
        """The table as a data frame.

        Args:
            kind: "pandas", "polars" or "arrow"; None takes the first of them that is installed.

        Raises:
            OptionError: if there is no such kind, or its package is missing.
        """
        return self.table().to_frame(kind)
