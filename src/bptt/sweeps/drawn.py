"""What a sweep shows: maps, the line λ₁ = 0, a page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bptt.extras import needing
from bptt.presentation.savable import Savable
from bptt.sweeps.point.columns import Rows

if TYPE_CHECKING:
    from bptt.sweeps.maps.crossings import Crossing


class Drawn(Savable):
    """Rows that can be drawn."""

    _rows: Rows

    @property
    def varied(self) -> tuple[str, ...]:
        """The fields of the configuration that are not the same in all rows."""
        from bptt.sweeps.maps.grid import varied_in

        return varied_in(self._rows)

    def phase_diagram(
        self,
        x: str | None = None,
        y: str | None = None,
        colour: str = "lyapunov",
        *,
        split: str | Sequence[str] | None = None,
    ) -> Any:
        """A map over two fields, or a curve if only one was varied, as an Altair chart.

        A map shows the line λ₁ = 0, as measured and, where it applies, as mean-field theory has it. Fields that
        are not drawn are averaged over.

        Args:
            x: field across; None: the gain, or the first number that was varied.
            y: field upward; None: the next one, if there is one.
            colour: a column of numbers: lyapunov, rate, horizon, log10_attenuation, memory, solved, loss ...
            split: field or fields with a picture per value; None: all fields of names that were varied.

        Raises:
            OptionError: if a field was not varied or is named twice, there is no such column, nothing was
                varied, or there would be more than twelve pictures.
        """
        with needing("sweep", "phase_diagram"):
            from bptt.sweeps.maps.charts import chart
        from bptt.sweeps.maps.grid import grid

        return chart(grid(self._rows, x, y, colour, split))

    def crossings(
        self, along: str = "gain", by: Sequence[str] = ("input_variance",)
    ) -> "list[Crossing]":
        """Where the measured λ₁ crosses zero along a field, and the critical gain of mean-field theory beside it.

        Each repetition (seed) is interpolated on a straight line between neighbours by itself.

        Args:
            along: a field of numbers.
            by: fields to keep apart; the crossings are averaged over all others.

        Returns:
            a ``Crossing`` for every combination of the values of ``by``: ``at`` ± ``stderr``, in the unit of
            ``along``, and ``theory``, None where mean field says nothing of these networks.

        Raises:
            OptionError: if there is no such field.
        """
        from bptt.sweeps.maps.crossings import crossings

        return crossings(self._rows, along, tuple(by))

    def findings(self) -> list[str]:
        """Where λ₁ is zero, in sentences; none where the rows do not say."""
        from bptt.sweeps.maps.sentences import findings

        return findings(self._rows)

    def html(
        self,
        x: str | None = None,
        y: str | None = None,
        colour: str = "lyapunov",
        *,
        split: str | Sequence[str] | None = None,
    ) -> str:
        """The page, complete in itself: what was varied, maps, findings, what failed.

        Args:
            x: field across, as in ``phase_diagram``.
            y: field upward.
            colour: a column of numbers.
            split: field or fields that get a picture per value.

        Raises:
            OptionError: as ``phase_diagram``.
        """
        with needing("sweep", "html"):
            from bptt.sweeps.maps.page import page

        return page(self._rows, self.varied, x, y, colour, split)

    def to_matplotlib(
        self,
        x: str | None = None,
        y: str | None = None,
        colour: str = "lyapunov",
        *,
        ax: Any = None,
        style: Any = None,
    ) -> Any:
        """The map on axes of matplotlib, with the line λ₁ = 0: cells as in ``phase_diagram``, without pictures beside it.

        Args:
            x: field across, as in ``phase_diagram``.
            y: field upward.
            colour: a column of numbers.
            ax: the axes to draw on; None makes a figure of its own.
            style: a ``Style``, the path of a TOML file with one, or None.

        Raises:
            OptionError: as ``phase_diagram``, if fewer than two numbers were varied, or matplotlib is missing.
        """
        from bptt.sweeps.maps.axes import on_axes
        from bptt.sweeps.maps.grid import grid

        return on_axes(grid(self._rows, x, y, colour, ()), ax, style)
