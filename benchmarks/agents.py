"""How many steps a second an agent with an LSTM takes: python -m benchmarks.agents writes it into docs/accelerate.md.

RecurrentPPO of sb3-contrib (pip install sb3-contrib) learns CartPole whose velocities are hidden, so that it must remember. Each turn
starts both agents anew, from the same seed; the rewards of their episodes and what they have learnt are compared, and
medians are kept. The sentence on the page is written from what was stored.
"""

import json
import os
import platform
import statistics
import time
import warnings
from pathlib import Path

from docs.marked import filled

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "agents.json"
PAGE = HERE.parent / "docs" / "accelerate.md"
THREADS, STEPS, TURNS, HIDDEN = 2, 1024, 5, 64


def agent(accelerated):
    """A new agent, and its environment."""
    import gymnasium
    from sb3_contrib import RecurrentPPO
    from stable_baselines3.common.monitor import Monitor

    import bptt

    class Masked(gymnasium.ObservationWrapper):
        """Positions and angles, no velocities."""

        def __init__(self, env):
            super().__init__(env)
            space = self.observation_space
            self.observation_space = gymnasium.spaces.Box(space.low[::2], space.high[::2])

        def observation(self, observation):
            return observation[::2]

    env = Monitor(Masked(gymnasium.make("CartPole-v1")))
    learner = RecurrentPPO(
        "MlpLstmPolicy", env, n_steps=128, batch_size=128, n_epochs=4, seed=0, device="cpu",
        policy_kwargs={"lstm_hidden_size": HIDDEN},
    )  # fmt: skip
    if accelerated:
        done = bptt.accelerate(learner.policy)
        assert set(done.changed) == {"lstm_actor", "lstm_critic"}, done
    return learner, env


def learnt(accelerated, steps=STEPS):
    """Seconds, the reward of each episode, and the weights after so many steps."""
    learner, env = agent(accelerated)
    start = time.perf_counter()
    learner.learn(steps)
    seconds = time.perf_counter() - start
    weights = {name: value.clone() for name, value in learner.policy.state_dict().items()}
    return seconds, env.get_episode_rewards(), weights


def measure():
    """Medians of both, in turns."""
    import torch

    torch.set_num_threads(THREADS)
    speeds, off = {False: [], True: []}, 0.0
    for _ in range(TURNS):
        rewards, weights = [], []
        for accelerated in (False, True):
            seconds, own, values = learnt(accelerated)
            speeds[accelerated].append(STEPS / seconds)
            rewards.append(own)
            weights.append(values)
        assert rewards[0] == rewards[1], "the agents do not live through the same episodes"
        off = max(off, *(float((weights[0][n] - weights[1][n]).abs().max()) for n in weights[0]))
    return {
        "steps": STEPS, "episodes": len(rewards[0]), "hidden": HIDDEN, "threads": THREADS, "cores": os.cpu_count(),
        "architecture": platform.machine(), "torch": torch.__version__, "weights_off": off,
        "torch_steps_per_second": statistics.median(speeds[False]),
        "bptt_steps_per_second": statistics.median(speeds[True]),
    }  # fmt: skip


def sentence(result):
    """What was measured."""
    before, after = result["torch_steps_per_second"], result["bptt_steps_per_second"]
    return (
        f"RecurrentPPO of sb3-contrib, LSTMs of {result['hidden']} units, on CartPole without its velocities, one environment: "
        f"{before:.0f} steps a second with PyTorch's layers, {after:.0f} accelerated, {after / before:.2f} times as many "
        f"({result['threads']} threads on {result['cores']} cores, PyTorch {result['torch']}). Over the first {result['steps']:,} "
        f"steps, {result['steps'] // 128} rollouts with their updates, the rewards of all {result['episodes']} episodes are the same "
        f"and no weight is off by more than {result['weights_off']:.0e}."
    )


def page(result):
    """The page with the sentence in it."""
    return filled(PAGE.read_text(), "agents", sentence(result))


def main():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages
        result = measure()
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    PAGE.write_text(page(result))


if __name__ == "__main__":
    main()
