"""Pages are visited as the report's are."""

from tests.report.conftest import visit

__all__ = ["visit"]
