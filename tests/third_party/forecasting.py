"""Forecasters: an encoder's final state starts a decoder, and series differ in length."""

import functools
import warnings

import numpy as np
import torch

from tests.third_party.case import Case, Setup

PAST, FUTURE = 14, 6  # at most


def _batch(equal, **of_targets):
    """Twelve series of 40 steps, or of 17 to 39, cut into windows as the package does it."""
    import pandas as pd
    from pytorch_forecasting import TimeSeriesDataSet

    rng = np.random.default_rng(0)
    lengths = [40] * 12 if equal else range(17, 41, 2)
    series = [
        pd.DataFrame(
            {
                "series": str(n),
                "time": np.arange(T),
                "y": np.sin(np.arange(T) / 3) + rng.normal(size=T),
            }
        )
        for n, T in enumerate(lengths)
    ]
    data = TimeSeriesDataSet(
        pd.concat(series, ignore_index=True), time_idx="time", target="y", group_ids=["series"],
        max_encoder_length=PAST, min_encoder_length=PAST if equal else 3,
        max_prediction_length=FUTURE, min_prediction_length=FUTURE if equal else 1,
        static_categoricals=["series"], **of_targets,
    )  # fmt: skip
    torch.manual_seed(0)
    batch = next(iter(data.to_dataloader(train=True, batch_size=16, num_workers=0)))
    return data, batch


def _loss(model, batch):
    x, y = batch
    return model.loss(model(x)["prediction"], y)


def _forecaster(name, equal):
    import pytorch_forecasting as pf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = {"time_varying_unknown_reals": ["y"], "time_varying_known_reals": ["time"]}
        data, batch = _batch(equal, **inputs)
        torch.manual_seed(0)
        if name == "TemporalFusionTransformer":
            model = pf.TemporalFusionTransformer.from_dataset(
                data, hidden_size=8, hidden_continuous_size=4, lstm_layers=1, attention_head_size=2
            )
        else:
            model = getattr(pf, name).from_dataset(data, hidden_size=8, rnn_layers=2, dropout=0.1)
    model.train()
    x, _ = batch
    assert equal == (len(set(x["encoder_lengths"].tolist())) == 1)
    if name == "TemporalFusionTransformer":
        # The decoder starts where the encoder ended: its errors go on through the encoder.
        of_encoder = int((x["encoder_lengths"] + x["decoder_lengths"]).max())
        lags = {"lstm_encoder.0": of_encoder, "lstm_decoder.0": int(x["decoder_lengths"].max())}
    else:
        # The same module twice; the encoder's first step is dropped, for the target is shifted by one.
        steps = int((x["encoder_lengths"] - 1 + x["decoder_lengths"]).max())
        lags = {"rnn.0": steps, "rnn.1": steps}
    return Setup(model, batch, _loss, lags)


CASES = [
    Case("pytorch-forecasting", f"{name}, {'equal' if equal else 'unequal'} lengths", what,
         functools.partial(_forecaster, name, equal), ("pytorch_forecasting",))
    for name, what in (
        ("RecurrentNetwork", "a subclass of nn.LSTM that packs; encoder and decoder are one module"),
        ("DeepAR", "a subclass of nn.LSTM that packs; encoder and decoder are one module"),
        ("TemporalFusionTransformer", "the encoder's final state starts another module"),
    )
    for equal in (True, False)
]  # fmt: skip
