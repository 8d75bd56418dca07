"""Packages that only a part of the library needs: where one is missing, the error names the cure."""

from collections.abc import Iterator
from contextlib import contextmanager

from bptt.errors import OptionError


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Import within this what only users of an extra have.

    Args:
        extra: name of the extra in pyproject.toml that brings the packages.
        what: what cannot be had without them, as the user wrote it.

    Raises:
        OptionError: if a package is missing, with the command that installs it.

    >>> with needing("pages", "report.html"):
    ...     import no_such_package
    Traceback (most recent call last):
    bptt.errors.OptionError: report.html: expected the package no_such_package, got none installed. \
Run pip install 'bptt[pages]'.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "bptt"):
            raise
        raise OptionError(
            what, f"the package {package}", "none installed", f"Run pip install 'bptt[{extra}]'."
        ) from error
