"""Taggers, language models, translation of characters."""

import functools
import warnings

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.third_party.case import Case, Setup


class BiLSTMCRF(nn.Module):
    """The tagger of pytorch-crf's users: a packed BiLSTM that emits scores to a CRF."""

    def __init__(self):
        super().__init__()
        from torchcrf import CRF

        self.embed = nn.Embedding(30, 8, padding_idx=0)
        self.lstm = nn.LSTM(8, 10, batch_first=True, bidirectional=True)
        self.emit = nn.Linear(20, 5)
        self.crf = CRF(5, batch_first=True)

    def forward(self, words, lengths, tags):
        packed = pack_padded_sequence(
            self.embed(words), lengths, batch_first=True, enforce_sorted=False
        )
        states = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]
        mask = torch.arange(words.shape[1]) < lengths[:, None]
        return -self.crf(self.emit(states), tags, mask, reduction="mean")


def bilstm_crf():
    torch.manual_seed(0)
    batch = torch.randint(1, 30, (4, 21)), torch.tensor([13, 21, 4, 17]), torch.randint(5, (4, 21))
    lags = {"lstm.0.forward": 21, "lstm.0.backward": 21}
    return Setup(BiLSTMCRF(), batch, lambda model, batch: model(*batch), lags)


def awd_lstm():
    """fastai's language model: weight-dropped LSTMs that keep their states from batch to batch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fastai.text.models.awdlstm import AWD_LSTM
        from fastai.text.models.core import get_language_model

    torch.manual_seed(0)
    sizes = {"emb_sz": 8, "n_hid": 12, "n_layers": 2}
    drops = {"input_p": 0.3, "hidden_p": 0.2, "embed_p": 0.1, "weight_p": 0.3, "output_p": 0.1}
    model = get_language_model(
        AWD_LSTM, 40, config={**sizes, **drops, "pad_token": 1, "bidir": False, "tie_weights": True,
                              "out_bias": True},
    )  # fmt: skip
    batch = torch.randint(2, 40, (3, 25)), torch.randint(2, 40, (3, 25))

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch[0])[0].flatten(0, 1), batch[1].flatten())

    return Setup(model, batch, loss, {f"0.rnns.{level}.module.0": 25 for level in (0, 1)})


def awd_lstm_classifier():
    """fastai's classifier: the text in chunks, each started with the detached state of the one before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fastai.text.models.awdlstm import AWD_LSTM, awd_lstm_clas_config
        from fastai.text.models.core import get_text_classifier

    torch.manual_seed(0)
    config = {**awd_lstm_clas_config, "emb_sz": 8, "n_hid": 12, "n_layers": 2}
    model = get_text_classifier(AWD_LSTM, 40, 3, seq_len=10, config=config, max_len=30)
    batch = torch.randint(2, 40, (4, 28)), torch.randint(3, (4,))

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch[0])[0], batch[1])

    # Chunks of 10, 10 and 8 steps, with to_detach between them.
    return Setup(model, batch, loss, {f"0.module.rnns.{level}.module.0": 10 for level in (0, 1)})


def lightning_demo():
    """The language model of Lightning's demos: its states go in detached, and stay in the module."""
    from pytorch_lightning.demos.lstm import LightningLSTM, SimpleLSTM

    torch.manual_seed(0)
    model = LightningLSTM(vocab_size=30)
    model.model = SimpleLSTM(vocab_size=30, ninp=8, nhid=10, nlayers=2)
    model.log = lambda *args, **kwargs: None  # there is no trainer to log to
    batch = torch.randint(30, (3, 20)), torch.randint(30, (3, 20))

    def loss(model, batch):
        return model.training_step(batch, 0)

    return Setup(model, batch, loss, {"model.rnn.0": 20, "model.rnn.1": 20})


def stanza_seq2seq(attention):
    """The lemmatiser of stanza: both directions of the encoder start the decoder's cell."""
    from stanza.models.common.seq2seq_model import Seq2SeqModel

    torch.manual_seed(0)
    args = {
        "vocab_size": 20, "emb_dim": 8, "hidden_dim": 12, "num_layers": 1, "dropout": 0.2,
        "emb_dropout": 0.1, "max_dec_len": 10, "attn_type": attention,
    }  # fmt: skip
    model = Seq2SeqModel(args)
    src, tgt = torch.randint(4, 20, (3, 9)), torch.randint(4, 20, (3, 7))
    batch = src, torch.zeros_like(src, dtype=torch.bool), tgt, torch.randint(4, 20, (3, 7))

    def loss(model, batch):
        src, src_mask, tgt_in, tgt_out = batch
        log_probs, _ = model(src, src_mask, tgt_in)
        return nn.functional.nll_loss(log_probs.flatten(0, 1), tgt_out.flatten())

    lags = {"encoder.0.forward": 16, "encoder.0.backward": 16, "decoder.lstm_cell.0": 7}
    return Setup(model, batch, loss, lags)


def stanza_packed():
    """The LSTM of stanza's taggers: cells over a packed batch, one mask of the state for all steps."""
    from stanza.models.common.packed_lstm import PackedLSTM

    torch.manual_seed(0)
    model = PackedLSTM(
        6, 8, 2, batch_first=True, bidirectional=True, pad=True, dropout=0.2, rec_dropout=0.3
    )
    x, lengths = torch.randn(4, 11, 6), [11, 9, 9, 4]

    def loss(model, batch):
        return model(*batch)[0].square().mean()

    # A cell per level and direction: the states of the levels are not passed on, their outputs are.
    return Setup(model, (x, lengths), loss, {f"lstm.cells.{number}.0": 11 for number in range(4)})


def stanza_highway():
    """The LSTM of stanza's parsers: a gated way past each level."""
    from stanza.models.common.hlstm import HighwayLSTM

    torch.manual_seed(0)
    model = HighwayLSTM(
        6, 8, 2, batch_first=True, bidirectional=True, dropout=0.1, rec_dropout=0.3,
        highway_func=torch.tanh,
    )  # fmt: skip
    x, lengths = torch.randn(4, 11, 6), [11, 9, 9, 4]

    def loss(model, batch):
        x, lengths = batch
        packed = pack_padded_sequence(x, lengths, batch_first=True)
        return model(packed, lengths)[0].data.square().mean()

    lags = {f"lstm.{level}.lstm.cells.{way}.0": 11 for level in (0, 1) for way in (0, 1)}
    return Setup(model, (x, lengths), loss, lags)


CASES = [
    Case("pytorch-crf", "BiLSTM-CRF", "packed, not sorted, both directions, a CRF on top", bilstm_crf,
         ("torchcrf",), in_ci=True),
    Case("pytorch-lightning", "LightningLSTM", "states kept in the module, detached between batches",
         lightning_demo, ("pytorch_lightning",), in_ci=True),
    Case("fastai", "AWD-LSTM, language model", "recurrent weights dropped, states kept in the module",
         awd_lstm, ("fastai",)),
    Case("fastai", "AWD-LSTM, classifier", "the text in chunks, detached between them",
         awd_lstm_classifier, ("fastai",)),
    Case("stanza", "Seq2SeqModel", "both directions of the encoder start a cell with an attention",
         functools.partial(stanza_seq2seq, "soft"), ("stanza",)),
    Case("stanza", "PackedLSTM, rec_dropout", "cells over a batch that shrinks and grows, states kept row by row, "
         "dropout on the state", stanza_packed, ("stanza",)),
    Case("stanza", "HighwayLSTM", "the same on two levels, with a gated way past each", stanza_highway,
         ("stanza",)),
]  # fmt: skip
