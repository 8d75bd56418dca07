"""Programs are read by one thread at a time.

CPython 3.11 counts how deep a syntax tree is once for all threads. Where two pages open at once, both threads read the
notebook, and one ends in "SystemError: AST constructor recursion depth mismatch": a page without its charts, or none.
"""

import ast
import functools
import threading


def one_at_a_time() -> None:
    """Let ``ast.parse`` of this process wait for its turn, from now on."""
    parse, turn = ast.parse, threading.Lock()
    if hasattr(parse, "__wrapped__"):
        return

    @functools.wraps(parse)
    def parsed(*arguments, **options):  # type: ignore[no-untyped-def]
        with turn:
            return parse(*arguments, **options)

    ast.parse = parsed
