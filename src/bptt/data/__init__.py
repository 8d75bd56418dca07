"""Real sequences to train and diagnose on."""

from bptt.data.series import PACKAGED, Batch, Series
from bptt.data.text import Text

__all__ = ["Batch", "Series", "Text", "load"]


def load(source: str, characters: str | None = None) -> Text | Series:
    """Sequences by name or path.

    Args:
        source: "text", "vowels", "acsf1", or the path of a file: .npz or .csv hold labelled sequences,
            any other ending a text in UTF-8.
        characters: the vocabulary of a text; its own if not given.

    Raises:
        FileError: if the file is missing or not what it says.
        OptionError: if the package that ships a set is missing.
    """
    if source in PACKAGED or source.endswith((".npz", ".csv")):
        return Series.load(source)
    return Text.load(source, characters)
