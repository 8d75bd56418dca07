"""Text as sequences of characters: each step sees one and must name the next.

The default text is the standard library's own documentation (``pydoc_data.topics``): some 465,000
characters of English on every machine that has Python, no download.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bptt import files
from bptt.arrays import Array, as_whole
from bptt.data.own import ENDINGS
from bptt.errors import FileError

DEFAULT_TEXT = "Python's own documentation"
HELD_OUT = 0.05  # of the text, from its end
OF_TEXT = (".txt", ".md", "")  # endings


@dataclass(frozen=True, eq=False)
class Text:
    """A text, coded by its characters, in a part to train on and a part held out.

    Attributes:
        name: where it came from.
        characters: the vocabulary, sorted; a character's place is its class.
        train: (n,) codes of the first 95 %.
        held_out: (m,) codes of the rest.
    """

    name: str
    characters: str
    train: Array
    held_out: Array

    @classmethod
    def of(cls, text: str, name: str, characters: str | None = None) -> "Text":
        """Code a text.

        Args:
            text: at least 1,000 characters.
            name: for reports.
            characters: the vocabulary; the text's own if not given.

        Raises:
            FileError: if the text is too short, or has a character outside the vocabulary.
        """
        if len(text) < 1000:
            raise FileError(
                name, "a text of at least 1,000 characters", f"{len(text)}", "Use a longer text."
            )
        characters = characters or "".join(sorted(set(text)))
        unknown = sorted(set(text) - set(characters))
        if unknown:
            raise FileError(
                name, f"the model's {len(characters)} characters", f"others: {unknown[:5]}",
                "Use the text that the model was trained on, or train it on this one.",
            )  # fmt: skip
        code = {c: i for i, c in enumerate(characters)}
        codes = np.array([code[c] for c in text], np.intp)
        cut = int(len(codes) * (1 - HELD_OUT))
        return cls(name, characters, codes[:cut], codes[cut:])

    @classmethod
    def load(cls, source: str = "text", characters: str | None = None) -> "Text":
        """The standard library's documentation for "text", else the text file of that path.

        Raises:
            FileError: if the file is missing, of another kind, not UTF-8 or too short.
        """
        if source == "text":
            return cls.of(_python_topics(), DEFAULT_TEXT, characters)
        path = Path(source)
        if path.suffix.lower() not in OF_TEXT:
            raise FileError(
                source, f"labelled sequences ({', '.join(ENDINGS)}) or a text (.txt, .md or no ending)",
                f"a file ending in {path.suffix}",
                "Write it as one of these; a text of another ending may be renamed.",
            )  # fmt: skip
        try:
            files.check_regular(path)
            content = path.read_text("utf-8")
        except UnicodeDecodeError as error:
            raise FileError(
                source,
                "a text in UTF-8",
                str(error),
                f"Convert it to UTF-8; labelled sequences end in {', '.join(ENDINGS)}.",
            ) from error
        except (OSError, ValueError) as error:
            raise FileError(
                source,
                "text, vowels, acsf1, noise, a task, or the path of a file",
                files.reason(error),
                "Check the name.",
            ) from error
        return cls.of(content, path.name, characters)

    @property
    def fingerprint(self) -> str:
        """A name for this very text, so that a run is not resumed on another."""
        digest = hashlib.sha256(self.characters.encode() + self.train.tobytes())
        return f"{self.name} {digest.hexdigest()[:16]}"

    def one_hot(self, codes: Array, dtype: npt.DTypeLike = np.float32) -> Array:
        """(..., I) inputs of codes (...), one input per character of the vocabulary."""
        return np.asarray(np.eye(len(self.characters), dtype=dtype)[codes])


def streams(codes: Array, batch: int) -> Array:
    """A text cut into B streams, (n, B): row t+1 follows row t in every stream.

    Args:
        codes: (m,) the text.
        batch: B.

    Raises:
        OptionError: if the text is too short for so many streams.
    """
    batch = as_whole("batch", batch, 1, len(codes) // 2, "Pass a smaller batch or a longer text.")
    n = len(codes) // batch
    return np.ascontiguousarray(codes[: n * batch].reshape(batch, n).T)


def chunk(stream: Array, length: int, number: int) -> tuple[Array, Array, bool]:
    """Chunk ``number`` of the streams, counted on past the end, which starts the text again.

    Args:
        stream: (n, B) from ``streams``.
        length: steps per chunk.
        number: from 0.

    Returns:
        codes (length, B), the next character of each (length, B), and whether the text starts
        (again) here, so that the carried state must be forgotten.

    Raises:
        OptionError: if the streams are shorter than one chunk.
    """
    cure = "Pass a smaller length, a smaller batch or a longer text."
    length = as_whole("length", length, 1, len(stream) - 1, cure)
    per_pass = (len(stream) - 1) // length
    place = number % per_pass
    first = place * length
    codes = stream[first : first + length + 1]
    return codes[:-1], codes[1:], place == 0


def _python_topics() -> str:
    from pydoc_data.topics import topics  # a large module: only where it is needed

    return "\n".join(topics[name] for name in sorted(topics))
