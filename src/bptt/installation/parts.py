"""The optional parts: what each is for, the packages that it needs, and which of them are missing here."""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class Part:
    """One extra of pyproject.toml.

    Attributes:
        extra: its name.
        purpose: what it is for.
        packages: the oldest version of each package that it needs, by the name that pip knows.
    """

    extra: str
    purpose: str
    packages: dict[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that are not there, or are too old, each with what was found."""
        found = {name: installed(name) for name in self.packages}
        return tuple(
            name if have is None else f"{name} {have} (older than {least})"
            for name, least in self.packages.items()
            if (have := found[name]) is None or _numbers(have) < _numbers(least)
        )

    @property
    def cure(self) -> str:
        """The command that installs it."""
        return f"pip install 'bptt[{self.extra}]'"


def installed(name: str) -> str | None:
    """The version of a package that is installed, or None.

    Args:
        name: as pip knows it.
    """
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers a version begins with: (2, 13, 0) of "2.13.0+cpu"."""
    first = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(number) for number in first[0].split(".")) if first else ()


def _part(extra: str, purpose: str, **packages: str) -> Part:
    return Part(extra, purpose, {name.replace("_", "-"): least for name, least in packages.items()})


# What the extra brings itself; "cli" brings "pages" and "derive", "lab" and "sweep" bring "cli".
PARTS = (
    _part("cli", "the command bptt, tables in the terminal", typer="0.16", rich="13.7"),
    _part("pages", "pages and charts", altair="5.4", vl_convert_python="1.7", jinja2="3.1", markupsafe="2.1.2"),
    _part("derive", "the equations, derived", sympy="1.12"),
    _part("torch", "PyTorch models", torch="2.6"),
    _part("lab", "the live page", marimo="0.23", anywidget="0.9.13", traitlets="5.9", starlette="1.10",
          uvicorn="0.27"),
    _part("sweep", "many networks at once", filelock="3.21", joblib="1.4", threadpoolctl="3.5"),
    _part("tables", "sequences in .parquet, .feather and .xlsx; numbers as data frames", pandas="2.1", pyarrow="17", openpyxl="3.1", xarray="2024.1", scipy="1.11"),
    _part("data", "sequences that ship in packages", sktime="0.34", scikit_learn="1.3"),
    _part("figures", "figures in matplotlib, for a paper", matplotlib="3.8"),
    _part("polars", "numbers as data frames of polars", polars="1.0"),
    _part("keras", "models of Keras", h5py="3.16"),
    _part("onnx", "models in ONNX", onnx="1.15"),
    _part("parquet", "a sweep's rows as Parquet", pyarrow="17"),
    _part("dask", "sweeps on a Dask cluster", dask="2024.8", distributed="2024.8"),
    _part("ray", "sweeps on a Ray cluster", ray="2.40"),
)  # fmt: skip
