"""How a command of ours differs from Typer's: its help, and its errors."""

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from bptt.cli.context import RUNNING, spoken
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
        """With flags that do not look as if they took a value."""
        return [_plain_flag(parameter) for parameter in super().get_params(ctx)]

    def invoke(self, ctx: Any) -> Any:
        """Run it; an error of the library names the option at fault."""
        token = RUNNING.set(ctx)
        try:
            return super().invoke(ctx)
        except BpttError as error:
            options = {p.name: p.opts[0] for p in self.params if p.opts[0].startswith("--")}
            changed = spoken(error, {name or "": option for name, option in options.items()})
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
