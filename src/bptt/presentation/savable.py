"""What every report can do: be saved, and show itself in a notebook and a terminal."""

import io
import json
from pathlib import Path
from typing import Any

from bptt import files
from bptt.extras import needing
from bptt.presentation.jsonable import plain


class Savable:
    """A report with a page and its numbers."""

    def html(self) -> str:
        """The page, complete in itself: no request leaves it."""
        raise NotImplementedError

    def document(self) -> Any:
        """What the JSON holds."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Everything that was measured, as JSON; infinite numbers and NaN become null."""
        return json.dumps(plain(self.document()), indent=1, ensure_ascii=False, allow_nan=False)

    def save(self, path: str | Path) -> Path:
        """Write the page (.html) or the numbers (.json).

        Raises:
            OptionError: if the path ends in anything else.
            FileError: if it cannot be written.
        """
        ending = files.as_ending(path, (".html", ".json"))
        content = self.html() if ending == ".html" else self.to_json()
        return files.write_bytes(path, content.encode())

    def _repr_html_(self) -> str:
        """In a notebook, the page in a frame of its own."""
        import html

        return (
            f'<iframe srcdoc="{html.escape(self.html())}" style="width:100%;height:60em;border:0">'
            "</iframe>"
        )

    def __str__(self) -> str:
        """What a terminal shows, without colours."""
        with needing("cli", "print(report)"):
            from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=100).print(self)
        return text.getvalue()
