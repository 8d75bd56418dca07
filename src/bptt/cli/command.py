"""How a command of ours differs from Typer's: its help, and its errors."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperCommand, TyperGroup

from bptt.cli.context import RUNNING, spoken
from bptt.cli.panels import grouped
from bptt.errors import BpttError


class Command(TyperCommand):
    """A command whose help is read as it is written, and whose errors speak of its options."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **settings)
        self.help = _readable(self.help or "")
        for parameter in self.params:
            words = getattr(parameter, "help", None)
            if words:
                parameter.help = _literal(words)  # type: ignore[attr-defined]

    def get_params(self, ctx: Any) -> list[Any]:
        """In their groups, with flags that do not look as if they took a value."""
        return grouped([_plain_flag(parameter) for parameter in super().get_params(ctx)])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options; what cannot be read ends in one line."""
        with _in_one_line(f"bptt {self.name} --help"):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run it; an error of the library names the option at fault."""
        token = RUNNING.set(ctx)
        try:
            return super().invoke(ctx)
        except BpttError as error:
            named = [p for p in self.params if p.opts[0].startswith("--")]
            words = {f"{p.name}=True": p.opts[0] for p in named if p.secondary_opts}
            words |= {f"{p.name}=False": p.secondary_opts[0] for p in named if p.secondary_opts}
            changed = spoken(error, words | {p.name or "": p.opts[0] for p in named})
            if changed is error:
                raise
            raise changed from error
        finally:
            RUNNING.reset(token)


class Group(TyperGroup):
    """The command itself."""

    def get_params(self, ctx: Any) -> list[Any]:
        """As for a command."""
        return [_plain_flag(parameter) for parameter in super().get_params(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As for a command; without any words it prints its help."""
        with _in_one_line("bptt --help"):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; one that does not exist ends in one line."""
        with _in_one_line("bptt --help"):
            return super().resolve_command(ctx, args)


@contextmanager
def _in_one_line(help_command: str) -> Iterator[None]:
    """Print what is wrong with the use of a command, and end with exit code 2."""
    try:
        yield
    except (
        Exception
    ) as error:  # Typer has its own copy of click, whose errors are no classes of ours
        if not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
            raise
        message = _unreadable(error) or error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        print(f"bptt: {message}{end} See {help_command}.", file=sys.stderr)
        raise SystemExit(2) from None


def _unreadable(error: Any) -> str | None:
    """An option whose value cannot be read: what came, in the words of our other errors; None for whatever else is wrong."""
    found: list[Any] = getattr(
        error.__cause__, "errors", list
    )()  # those of pydantic, which reads the values
    if not found:
        return None
    words = {"int_parsing": "a whole number", "float_parsing": "a number"}
    expected = words.get(found[0]["type"]) or found[0]["msg"].removeprefix("Input should be ")
    return f"{error.param.opts[0]}: expected {expected}, got {found[0]['input']!r}"


def _readable(text: str) -> str:
    """Paragraphs flow; what is indented, the examples, keeps its lines."""
    paragraphs = (
        paragraph if "\n  " in paragraph else paragraph.replace("\n", " ")
        for paragraph in text.split("\n\n")
    )
    return _literal("\n\n".join(paragraphs))


def _literal(text: str) -> str:
    r"""With brackets that Rich does not take for markup.

    >>> print(_literal("bptt[data]"))
    bptt\[data]
    """
    return re.sub(r"\[(?=[a-z#/@])", r"\\[", text)


def _plain_flag(parameter: Any) -> Any:
    if getattr(parameter, "is_flag", False):
        parameter.display_type_rich = lambda ctx: None
    return parameter
