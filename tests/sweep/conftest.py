"""The browser of the report's tests."""

from tests.report.conftest import browser, visit

__all__ = ["browser", "visit"]
