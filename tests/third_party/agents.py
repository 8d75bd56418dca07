"""Agents of reinforcement learning: an episode's end resets the state in the middle of a sequence."""

import numpy as np
import torch
from torch import nn

from tests.third_party.case import Case, Setup


def recurrent_ppo():
    """A rollout of CartPole, as ``learn`` collects it, and the loss that ``train`` writes in its loop."""
    from sb3_contrib import RecurrentPPO

    agent = RecurrentPPO(
        "MlpLstmPolicy", "CartPole-v1", n_steps=48, batch_size=48, n_epochs=1, seed=0, device="cpu",
        policy_kwargs={"lstm_hidden_size": 16, "net_arch": [16]},
    )  # fmt: skip
    agent.learn(48)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    batch = next(agent.rollout_buffer.get(48))
    agent.policy.set_training_mode(True)

    def loss(policy, batch):
        mask = batch.mask > 1e-8
        values, log_prob, entropy = policy.evaluate_actions(
            batch.observations,
            batch.actions.long().flatten(),
            batch.lstm_states,
            batch.episode_starts,
        )
        ratio = torch.exp(log_prob - batch.old_log_prob)
        clipped = torch.clamp(ratio, 0.8, 1.2)
        gain = torch.min(batch.advantages * ratio, batch.advantages * clipped)[mask].mean()
        of_values = ((batch.returns - values.flatten()) ** 2)[mask].mean()
        return -gain + 0.5 * of_values - 0.01 * entropy[mask].mean()

    sequences = batch.lstm_states.pi[0].shape[1]
    steps = len(batch.mask) // sequences  # padded to the longest episode
    lags = {"lstm_actor.0": steps, "lstm_critic.0": steps}
    return Setup(agent.policy, batch, loss, lags)


def torchrl_module():
    """An LSTM over tensordicts; where ``is_init`` is set, an episode starts."""
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule, TensorDictSequential
    from torchrl.modules import LSTMModule, set_recurrent_mode

    torch.manual_seed(0)
    lstm = LSTMModule(
        3,
        12,
        in_keys=["observation", "h", "c"],
        out_keys=["features", ("next", "h"), ("next", "c")],
    )
    model = TensorDictSequential(
        lstm, TensorDictModule(nn.Linear(12, 1), in_keys=["features"], out_keys=["value"])
    )
    B, T = 4, 20
    is_init = torch.zeros(B, T, 1, dtype=torch.bool)
    is_init[:, 0] = True
    is_init[1, 7] = is_init[2, 12] = True
    batch = TensorDict(
        {
            "observation": torch.randn(B, T, 3), "is_init": is_init, "returns": torch.randn(B, T, 1),
            "h": torch.zeros(B, T, 1, 12), "c": torch.zeros(B, T, 1, 12),
        },
        [B, T],
    )  # fmt: skip

    def loss(model, batch):
        with set_recurrent_mode(True):
            return (model(batch.clone())["value"] - batch["returns"]).pow(2).mean()

    return Setup(model, batch, loss, {"module.0.lstm.0": T})


class CleanRLAgent(nn.Module):
    """The LSTM of CleanRL's ppo_atari_lstm.py, for observations that are vectors."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.lstm = nn.LSTM(16, 16)
        for name, parameter in self.lstm.named_parameters():
            nn.init.constant_(parameter, 0) if "bias" in name else nn.init.orthogonal_(parameter)
        self.critic = nn.Linear(16, 1)

    def get_states(self, x, lstm_state, done):
        hidden = self.network(x)
        batch_size = lstm_state[0].shape[1]
        hidden = hidden.reshape((-1, batch_size, self.lstm.input_size))
        done = done.reshape((-1, batch_size))
        new_hidden = []
        for h, d in zip(hidden, done, strict=True):
            h, lstm_state = self.lstm(
                h.unsqueeze(0),
                (
                    (1.0 - d).view(1, -1, 1) * lstm_state[0],
                    (1.0 - d).view(1, -1, 1) * lstm_state[1],
                ),
            )
            new_hidden += [h]
        return torch.flatten(torch.cat(new_hidden), 0, 1), lstm_state

    def get_value(self, x, lstm_state, done):
        return self.critic(self.get_states(x, lstm_state, done)[0])


def cleanrl_agent():
    torch.manual_seed(0)
    T, B = 32, 4
    done = torch.zeros(T, B)
    done[9, 0] = done[20, 0] = done[15, 2] = 1
    batch = torch.randn(T * B, 4), done.flatten(), torch.randn(T * B)

    def loss(agent, batch):
        x, done, returns = batch
        start = torch.zeros(1, B, 16), torch.zeros(1, B, 16)
        return 0.5 * ((agent.get_value(x, start, done).flatten() - returns) ** 2).mean()

    # Sequences 1 and 3 never end; a reset at step 20 leaves sequence 0 no more than 11 + 9 + 12 steps apart.
    return Setup(CleanRLAgent(), batch, loss, {"lstm.0": T})


CASES = [
    Case("sb3-contrib", "RecurrentPPO, MlpLstmPolicy", "two LSTMs, stepped one at a time, states "
         "multiplied by 0 at an episode's start", recurrent_ppo, ("sb3_contrib",)),
    Case("torchrl", "LSTMModule", "sequences split where an episode starts", torchrl_module,
         ("torchrl", "tensordict")),
    Case("cleanrl", "Agent of ppo_atari_lstm.py, for vectors", "an LSTM stepped one at a time, states multiplied by "
         "0 at an episode's end", cleanrl_agent, (), in_ci=True),
]  # fmt: skip
