"""Models of speech and sound."""

import functools

import torch
from torch import nn

from tests.third_party.case import Case, Setup


def _ctc(log_probs, targets):
    """CTC with full lengths; (T, B, classes)."""
    T, B, _ = log_probs.shape
    return nn.functional.ctc_loss(
        log_probs, targets, torch.full((B,), T), torch.full((B,), targets.shape[1])
    )


def _two_levels(name, T):
    """Both directions, two levels: the error of the last step goes back T - 1 steps in one direction of the
    upper level, and from there T - 1 steps in the other direction of the lower one: lags 0 to 2 (T - 1)."""
    return {
        f"{name}.0.forward": 2 * T - 1, f"{name}.0.backward": 2 * T - 1,
        f"{name}.1.forward": T, f"{name}.1.backward": T,
    }  # fmt: skip


def deep_speech():
    from torchaudio.models import DeepSpeech

    torch.manual_seed(0)
    model = DeepSpeech(n_feature=10, n_hidden=24, n_class=8, dropout=0.1)
    batch = torch.randn(3, 1, 30, 10), torch.randint(1, 8, (3, 6))

    def loss(model, batch):
        x, targets = batch
        return _ctc(model(x).transpose(0, 1), targets)  # its output is log_softmax already

    return Setup(model, batch, loss, {"bi_rnn.0.forward": 30, "bi_rnn.0.backward": 30})


def tacotron2():
    from torchaudio.models import Tacotron2

    torch.manual_seed(0)
    model = Tacotron2(
        n_mels=6, n_symbol=20, symbol_embedding_dim=16, encoder_embedding_dim=16,
        encoder_n_convolution=1, attention_rnn_dim=16, attention_hidden_dim=8, decoder_rnn_dim=16,
        prenet_dim=8, postnet_n_convolution=2, postnet_embedding_dim=8,
    )  # fmt: skip
    text, frames = torch.tensor([11, 9, 6]), torch.tensor([15, 12, 9])
    batch = (
        torch.randint(1, 20, (3, 11)), text, torch.randn(3, 6, 15), frames,
    )  # fmt: skip

    def loss(model, batch):
        tokens, token_lengths, mel, mel_lengths = batch
        before, after, gate, _ = model(tokens, token_lengths, mel, mel_lengths)
        stop = (torch.arange(mel.shape[2]) >= mel_lengths[:, None] - 1).float()
        mse = nn.functional.mse_loss
        return (
            mse(before, mel) + mse(after, mel)
            + nn.functional.binary_cross_entropy_with_logits(gate, stop)
        )  # fmt: skip

    lags = {
        "encoder.lstm.0.forward": 11, "encoder.lstm.0.backward": 11,
        "decoder.attention_rnn.0": 15, "decoder.decoder_rnn.0": 15,
    }  # fmt: skip
    return Setup(model, batch, loss, lags)


def wave_rnn():
    from torchaudio.models import WaveRNN

    torch.manual_seed(0)
    model = WaveRNN(
        [2, 3], n_classes=8, hop_length=6, n_res_block=1, n_rnn=16, n_fc=16, n_freq=6, n_hidden=8,
        n_output=8,
    )  # fmt: skip
    frames = 9 - 5 + 1  # of 9, those that a kernel of 5 leaves
    T = frames * 6
    batch = torch.randn(2, 1, T), torch.randn(2, 1, 6, 9), torch.randint(8, (2, T))

    def loss(model, batch):
        waveform, specgram, target = batch
        return nn.functional.cross_entropy(model(waveform, specgram)[:, 0].transpose(1, 2), target)

    return Setup(model, batch, loss, {"rnn1.0": T, "rnn2.0": T})


def crdnn(kind):
    import speechbrain
    from speechbrain.lobes.models.CRDNN import CRDNN

    torch.manual_seed(0)
    x = torch.randn(3, 24, 12)
    model = CRDNN(
        input_shape=x.shape, cnn_blocks=1, cnn_channels=[4], rnn_layers=2, rnn_neurons=10, dnn_blocks=1,
        dnn_neurons=10, rnn_class=getattr(speechbrain.nnet.RNN, kind),
        inter_layer_pooling_size=[2], rnn_re_init=True,
    )  # fmt: skip
    head = nn.Linear(10, 8)
    whole = nn.ModuleDict({"encoder": model, "head": head})

    def loss(whole, batch):
        x, targets = batch
        return _ctc(whole["head"](whole["encoder"](x)).log_softmax(2).transpose(0, 1), targets)

    lags = _two_levels("encoder.RNN.rnn", 24)
    return Setup(whole, (x, torch.randint(1, 8, (3, 5))), loss, lags)


def attentional_decoder(kind):
    """speechbrain's decoder of its ASR recipes: cells on two levels, with a location-aware attention."""
    from speechbrain.nnet.RNN import AttentionalRNNDecoder

    torch.manual_seed(0)
    model = AttentionalRNNDecoder(
        rnn_type=kind, attn_type="location", hidden_size=8, attn_dim=6, num_layers=2, enc_dim=7,
        input_size=5, channels=3, kernel_size=5, dropout=0.1,
    )  # fmt: skip
    batch = (
        torch.randn(3, 14, 5),
        torch.randn(3, 10, 7),
        torch.tensor([1.0, 0.8, 0.6]),
        torch.randn(3, 14, 8),
    )

    def loss(model, batch):
        words, encoded, lengths, target = batch
        return nn.functional.mse_loss(model(words, encoded, lengths)[0], target)

    return Setup(model, batch, loss, {f"rnn.rnn_cells.{level}.0": 14 for level in (0, 1)})


def open_unmix():
    from openunmix.model import OpenUnmix

    torch.manual_seed(0)
    model = OpenUnmix(nb_bins=17, nb_channels=1, hidden_size=16, nb_layers=2)
    batch = torch.rand(3, 1, 17, 25), torch.rand(3, 1, 17, 25)

    def loss(model, batch):
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    return Setup(model, batch, loss, _two_levels("lstm", 25))


def encodec():
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(0)
    config = EncodecConfig(
        num_filters=4, upsampling_ratios=[4, 2], codebook_size=16, codebook_dim=8, hidden_size=8,
        num_lstm_layers=2, sampling_rate=800, target_bandwidths=[0.8],
    )  # fmt: skip
    model = EncodecModel(config).train()
    batch = torch.randn(2, 1, 240)

    def loss(model, batch):
        return nn.functional.l1_loss(model.decoder(model.encoder(batch)), batch)

    names = [name for name, module in model.named_modules() if isinstance(module, nn.LSTM)]
    assert len(names) == 2
    return Setup(model, batch, loss, {f"{n}.{level}": 240 // 8 for n in names for level in (0, 1)})


def slanet():
    """The head that writes a table's structure: it reads the picture by an attention, and its own last token."""
    from transformers import SLANetConfig
    from transformers.models.slanet.modeling_slanet import SLANetSLAHead

    torch.manual_seed(0)
    config = SLANetConfig(
        hidden_size=8, out_channels=6, post_conv_out_channels=5, max_text_length=12
    )
    model = SLANetSLAHead(config)
    batch = torch.randn(3, 9, 5), torch.rand(3, 13, 6)

    def loss(model, batch):
        features, target = batch
        return nn.functional.mse_loss(model(features).last_hidden_state, target)

    return Setup(model, batch, loss, {"structure_attention_cell.rnn.0": 12 + 1})


CASES = [
    Case("torchaudio", "DeepSpeech", "relu, both directions, CTC", deep_speech, ("torchaudio",)),
    Case("torchaudio", "Tacotron2", "two cells with an attention between them, dropout on the state; the "
         "encoder packed", tacotron2, ("torchaudio",)),
    Case("torchaudio", "WaveRNN", "a residual past each GRU", wave_rnn, ("torchaudio",)),
    Case("speechbrain", "CRDNN, LSTM", "convolutions, both directions, two levels with dropout, CTC",
         functools.partial(crdnn, "LSTM"), ("speechbrain", "torchaudio")),
    Case("speechbrain", "CRDNN, GRU", "convolutions, both directions, two levels with dropout, CTC",
         functools.partial(crdnn, "GRU"), ("speechbrain", "torchaudio")),
    *(Case("speechbrain", f"AttentionalRNNDecoder, {kind}", "cells on two levels, all states in one tensor, an "
           "attention that is fed back", functools.partial(attentional_decoder, kind),
           ("speechbrain", "torchaudio"))
      for kind in ("lstm", "gru")),
    Case("openunmix", "OpenUnmix", "both directions, two levels, dropout between them", open_unmix,
         ("openunmix",)),
    Case("transformers", "EncodecModel", "two LSTMs between convolutions, a residual past each", encodec,
         ("transformers",), in_ci=True),
    Case("transformers", "SLANetSLAHead", "an attention whose query is the state before, tokens fed back", slanet,
         ("transformers",), in_ci=True),
]  # fmt: skip
