"""The docstrings as the site shows them: examples as code, names of definitions as links."""

import re
from typing import Any

import griffe

# An example and what it prints, up to the empty line behind it.
EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*(?:\n(?P=indent)\S.*)*", re.M)


class Readable(griffe.Extension):
    """A docstring is written for the terminal; this makes Markdown of it."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Change the docstring of every object that has one."""
        if obj.docstring is not None:
            obj.docstring.value = readable(obj.docstring.value)


def readable(text: str) -> str:
    """The docstring with fenced examples, and with "(Q5)" as a link to that definition."""
    text = re.sub(r"\bQ(\d+)\b", r"[Q\1](definitions.md#q\1)", text)
    return EXAMPLE.sub(_fenced, text)


def _fenced(example: re.Match[str]) -> str:
    indent = example["indent"]
    unlinked = re.sub(r"\[(Q\d+)\]\(definitions\.md#q\d+\)", r"\1", example[0])
    return f"\n{indent}```pycon\n{unlinked}\n{indent}```"
