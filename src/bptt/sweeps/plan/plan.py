"""What a sweep is to measure: axes over a configuration, as points."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import product
from typing import Any

import numpy as np

from bptt.arrays import as_kind, as_number, as_whole
from bptt.configuration import Configuration
from bptt.data import is_file_of_sequences, is_series, tasks
from bptt.errors import OptionError
from bptt.sweeps.plan.axes import NAMES, as_axis, canonical

MOST = 10**6  # points of a sweep that are drawn
READING = ("inputs", "target", "sequence", "batch_first")  # what a setting says of its file


@dataclass(frozen=True)
class Point:
    """One configuration, and how it is trained.

    Attributes:
        setting: the network and what it reads.
        train_updates: weight updates after it was measured; 0: none.
        lr: learning rate of Adam; None where nothing is trained.
    """

    setting: Configuration
    train_updates: int = 0
    lr: float | None = None

    @property
    def configuration(self) -> dict[str, Any]:
        """All of it, by name."""
        return {f.name: getattr(self.setting, f.name) for f in fields(Configuration)} | {
            "train_updates": self.train_updates, "lr": self.lr,
        }  # fmt: skip

    @property
    def key(self) -> str:
        """The configuration as one line of JSON: equal for equal points."""
        return json.dumps(self.configuration, sort_keys=True)


@dataclass(frozen=True)
class Plan:
    """A sweep before it is measured.

    Attributes:
        axes: name of a field to its values, in any form that ``axes.as_axis`` takes.
        base: the configuration that all other fields are taken from.
        sample: how many points to draw at random; None takes the whole grid.
        sample_seed: seed of the draw. A longer draw begins with the points of a shorter one.
        train_updates: weight updates; 0 only measures the fresh network.
        lr: learning rate of Adam.
    """

    axes: Mapping[str, Any]
    base: Configuration = field(default_factory=Configuration)
    sample: int | None = None
    sample_seed: int = 0
    train_updates: int = 0
    lr: float = 1e-3

    def points(self) -> list[Point]:
        """Every point once; on a grid the last axis changes fastest.

        Raises:
            OptionError: if there is no axis, an axis cannot be read, or a number is out of range; if it varies
                the length of data that have one of their own.

        >>> plan = Plan({"gain": "1:2:3", "cell": ["rnn", "gru"]})
        >>> [(p.setting.gain, p.setting.cell) for p in plan.points()][:3]
        [(1.0, 'rnn'), (1.0, 'gru'), (1.5, 'rnn')]
        """
        as_kind(
            "axes",
            self.axes,
            Mapping,
            "a dict, name to values",
            'For example {"gain": [0.5, 1, 2]}.',
        )
        if not self.axes:
            raise OptionError(
                "axes",
                "at least one field of a configuration",
                "none",
                'Vary one, for example gain "0.5:3:26".',
            )
        axes = {name: as_axis(name, spec) for name, spec in self.axes.items()}
        base = replace(self.base, **{n: canonical(n, getattr(self.base, n)) for n in NAMES})
        if self.sample is None:
            combined = product(*(axis.on_grid() for axis in axes.values()))
            chosen = [dict(zip(axes, values, strict=True)) for values in combined]
        else:
            # By the fields' order: the same box gives the same points however it is written down.
            ordered = {name: axes[name] for name in NAMES if name in axes}
            chosen = [
                {name: axis.drawn(rng) for name, axis in ordered.items()}
                for rng in map(
                    self._rng, range(as_whole("sample", self.sample, least=1, most=MOST))
                )
            ]
        updates = as_whole("train_updates", self.train_updates, least=0)
        as_number("lr", self.lr, "(0, ∞)", "Pass 0.001, for example.")
        lr = float(self.lr) if updates else None
        points = [Point(_reading(replace(base, **values)), updates, lr) for values in chosen]
        if "length" in axes:
            self._check_lengths(points)
        return list({point.key: point for point in points}.values())

    def _check_lengths(self, points: list[Point]) -> None:
        """Refuse lengths of data that have one of their own: points would differ by name alone."""
        fixed = sorted({point.setting.data for point in points if is_series(point.setting.data)})
        lengths = {point.setting.length for point in points}
        if fixed and (len(lengths) > 1 or all(is_series(point.setting.data) for point in points)):
            raise OptionError(
                "length", f"no axis for {fixed[0]}, whose sequences have a length of their own",
                repr(self.axes["length"]), "Leave it out, or use a task or noise.",
            )  # fmt: skip

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([as_whole("sample_seed", self.sample_seed, least=0), number])


def _reading(setting: Configuration) -> Configuration:
    """A setting that says how its file is read only where it reads a file: points would differ by name alone."""
    if is_file_of_sequences(setting.data):
        return setting
    return replace(setting, inputs=None, target=None, sequence=None, batch_first=None)


def check_data(points: Iterable[Point]) -> None:
    """Read every file and set once: what cannot be read is said before the first point, and nothing is written.

    A task that cannot be made in one of the lengths is a point that fails.

    Raises:
        OptionError, FileError: of what cannot.
    """
    for setting in sources(points):
        setting.loaded()


def sources(points: Iterable[Point]) -> list[Configuration]:
    """One setting for everything that is read: files, each in every way that it is read, and sets."""
    found = {
        tuple(getattr(p.setting, name) for name in ("data", *READING)): p.setting for p in points
    }
    return [own for own in found.values() if own.data not in (*tasks.NAMES, "noise")]
