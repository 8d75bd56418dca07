"""What was measured, as data frames and files that other programs read, with units and definitions."""

import json

import numpy as np
import pytest

import bptt
from bptt import dynamics
from bptt.errors import OptionError
from tests import bare

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
xr = pytest.importorskip("xarray")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def report():
    network = bptt.Network.init(3, 6, 2, cell="lstm", layers=2, loss_at="last", rng=0)
    x = np.random.default_rng(0).standard_normal((40, 8, 3)).astype("float32")
    return bptt.diagnose(network, (x, np.zeros(8, int)), progress=False)


def test_rows_are_the_profiles_numbers(report):
    """Each against the method that gives it by itself."""
    frame = report.to_frame(kind="pandas")
    assert len(frame) == 80
    for name, layer in report.layers.items():
        own, profile = frame[frame.layer == name].set_index("lag"), layer.profile
        assert np.allclose(own.share, profile.share)
        assert np.isclose(own.share.sum(), 1)
        assert np.array_equal(own.gain[:-1], profile.gain)
        assert np.isnan(own.gain.iloc[-1])
        assert own.cumulative[profile.horizon()] >= 0.95 > own.cumulative[profile.horizon() - 1]
        for lag in (0, 6):
            for name, chunked in (("window", False), ("chunks", True)):
                cut = profile.truncation(lag + 1, chunked)
                assert np.isclose(own[f"bias_{name}"][lag], cut.relative_bias)
                assert np.isclose(own[f"cosine_{name}"][lag], cut.cosine)
    numbers = report.to_frame("layers", "pandas").set_index("layer")
    assert numbers.window["lstm.1"] == report.layers["lstm.1"].profile.shortest_truncation()
    assert numbers.decides.sum() == 1


def test_every_frame_and_file_has_the_same_numbers(report, tmp_path):
    share = report.to_frame(kind="pandas").share.to_numpy()
    assert np.array_equal(report.to_frame(kind="polars")["share"].to_numpy(), share)
    assert np.array_equal(report.to_frame(kind="arrow")["share"].to_numpy(), share)
    table = report.table()
    assert np.array_equal(
        pd.read_csv(table.save(tmp_path / "a.csv"), float_precision="round_trip").share, share
    )
    assert np.array_equal(pd.read_parquet(table.save(tmp_path / "a.parquet")).share, share)
    with xr.open_dataset(report.save(tmp_path / "a.nc")) as opened:
        assert np.array_equal(opened.share.sel(layer="lstm.1").to_numpy().ravel(), share[40:])
        assert opened.exponents_lyapunov.sel(exponent=1).shape == (1, 2)


def test_units_and_definitions_go_with_them(report, tmp_path):
    table = report.table()
    assert report.to_frame(kind="pandas").attrs["columns"]["gain"]["unit"] == "ln per step"
    table.save(tmp_path / "a.csv")
    beside = json.loads((tmp_path / "a.csv-metadata.json").read_text())
    columns = {each["name"]: each for each in beside["tableSchema"]["columns"]}
    assert beside["url"] == "a.csv"
    assert columns["gain"]["schema:unitText"] == "ln per step"
    assert "(Q8)" in columns["share"]["dc:description"]
    field = parquet.read_schema(table.save(tmp_path / "a.parquet")).field("gain")
    assert field.metadata[b"unit"] == b"ln per step"
    assert xr.load_dataset(table.save(tmp_path / "a.nc")).gain.units == "ln per step"


def test_a_recurrence_of_its_own_and_each_of_its_parameters():
    torch = pytest.importorskip("torch")

    class Step(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.U, self.V = torch.nn.Linear(2, 4), torch.nn.Linear(4, 4)

        def forward(self, x, h):
            return torch.tanh(self.U(x) + self.V(h))

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.step = Step()

        def forward(self, x):
            h = torch.zeros(x.shape[1], 4)
            for x_t in x:
                h = self.step(x_t, h)
            return h

    torch.manual_seed(0)
    own = bptt.diagnose(
        Model(), torch.randn(12, 3, 2), lambda model, x: model(x).sum(), recurrent="step",
        progress=False,
    )  # fmt: skip
    frame = own.to_frame("parameters", "pandas")
    assert {"step.U.weight", "step.V.weight"} <= set(frame.parameter) or {"U.weight", "V.weight"} <= set(frame.parameter)  # fmt: skip
    assert np.allclose(frame.groupby("parameter").share.sum(), 1, atol=1e-5)
    assert np.isclose(own.to_frame(kind="pandas").share.sum(), 1)


def test_spectrum_and_singular_values():
    """Of a diagonal linear network both are its entries."""
    layer = bptt.RNN(np.eye(2), np.diag([0.5, 0.25]), np.zeros(2), "identity")
    trace = layer.forward(np.zeros((40, 2, 2)))
    spectrum = bptt.lyapunov(trace).to_frame("pandas")
    assert np.allclose(spectrum.lyapunov, np.log([0.5, 0.25]), atol=1e-4)  # from 4 steps on
    values = dynamics.singular_values(trace, lags=[3, 7], t=9)
    frame = values.to_frame("pandas")
    first = frame[(frame.lag == 7) & (frame.sequence == 1)]
    assert np.allclose(first["log10"], 7 * np.log10([0.5, 0.25]))
    both = np.array([[0.5, 0.25]]) ** (2 * np.array([[3], [7]]))
    assert np.allclose(values.mean_square, np.log10(both.mean(1)))
    assert np.allclose(values.spread, both.var(1) / both.mean(1) ** 2)
    with pytest.raises(OptionError, match="step t"):
        dynamics.singular_values(trace, lags=[11], t=9)


def test_a_sweep_over_its_axes():
    swept = bptt.sweep({"gain": [0.5, 1.5], "seed": [0, 1]}, engine="threads")
    frame = swept.to_frame("points", "pandas")
    assert frame.lyapunov.tolist() == [row["lyapunov"] for row in swept.rows()]
    assert frame.loss.isna().all()
    laid = swept.table().to_xarray()
    assert laid.lyapunov.dims == ("gain", "seed")
    assert float(laid.lyapunov.sel(gain=1.5, seed=1)) == frame.lyapunov.iloc[-1]


def test_what_is_wrong_is_one_error(report, tmp_path):
    with pytest.raises(OptionError, match="lags, layers"):
        report.to_frame("lag")
    with pytest.raises(OptionError, match="pandas, polars"):
        report.to_frame(kind="numpy")
    with pytest.raises(OptionError, match=r"\.csv, \.parquet"):
        report.save(tmp_path / "a.xlsx")


def test_without_any_of_the_packages_one_line_says_so(tmp_path):
    site = bare.install(tmp_path / "site", "numpy", "safetensors")
    code = "import numpy as np, bptt; layer = bptt.RNN.init(2, 3, rng=0, dtype='float64'); x = np.ones((5, 1, 2));\n"
    code += "profile = bptt.by_lag(layer.forward(x), np.ones((5, 1, 3))); profile.table().save('a.csv'); profile.to_frame()"
    done = bare.python(site, "-c", code)
    assert done.stderr.splitlines()[-1].endswith(
        "to_frame: expected one of the packages pandas, polars and pyarrow, got none installed. "
        "Run pip install 'bptt[tables]', or save it as .csv."
    )
