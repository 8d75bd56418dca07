"""What every widget of the page is: it goes with the page that made it.

A page is a thread of the server (``marimo`` runs each notebook so). ipywidgets and marimo keep every widget that was ever made,
and with it the network, the charts and the cells of its page, so that a server would grow by megabytes with each page.
"""

import threading
from typing import Any

import anywidget

from bptt.kernels import pool

_page = threading.local()


class _Made:
    """The widgets of a thread; they are closed when it ends, for what is local to a thread goes with it."""

    def __init__(self) -> None:
        self.widgets: list[anywidget.AnyWidget] = []

    def __del__(self) -> None:
        for widget in self.widgets:
            widget.layout.close()  # a widget too
            widget.close()
            _forgotten(widget)
        pool.release()  # it keeps what loops have freed: a training takes it again, the next page has arrays of other sizes


def _forgotten(widget: anywidget.AnyWidget) -> None:
    """marimo keeps what it showed of a widget until the widget has gone; but what it keeps holds the widget.

    And it keeps how things of a class are shown; but anywidget makes a class for each of its widgets.
    """
    from marimo._output.formatting import FORMATTERS
    from marimo._plugins.ui._impl import from_anywidget as shown

    shown._cache._cleanup(id(widget))
    FORMATTERS.formatters.pop(type(widget), None)


class Widget(anywidget.AnyWidget):
    """Closed when the thread that made it ends."""

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        if not hasattr(_page, "made"):
            _page.made = _Made()
        _page.made.widgets.append(self)
