"""Weight averaging: the mean of several stages' generators as the start of the next.

Weights found at the ends of several learning-rate cycles lie in one basin, where their mean is a
model too: Izmailov et al. 2018, https://arxiv.org/abs/1803.05407, and Wortsman et al. 2022,
https://arxiv.org/abs/2203.05482.
"""

import copy
from pathlib import Path

import torch

from gan_color.errors import GanColorError
from gan_color.hub.model_file import folded_state, unfold
from gan_color.training import checkpoint
from gan_color.training.networks import Networks


def start_from_average(networks: Networks, checkpoints: Path, stages: tuple[str, ...]) -> None:
    """Make generator and EMA the mean of the EMA generators at the ends of earlier stages.

    Spectral norms are folded first: the mean is of the weights that multiply. BatchNorm's
    statistics are averaged too; counters are the last stage's.
    """
    ends = {found.state["stage"]: found.folder for found in checkpoint.find(checkpoints)}
    missing = set(stages) - ends.keys()
    if missing:
        raise GanColorError(
            f"average_from: found no whole checkpoint of {', '.join(sorted(missing))} in "
            f"{checkpoints}, expected one of each stage"
        )
    member = copy.deepcopy(networks.ema.model)
    states = []
    for name in stages:
        member.load_state_dict(checkpoint.load(checkpoint.read(ends[name]), "ema"))
        states.append(folded_state(member))
    mean = {
        key: torch.stack([state[key].double() for state in states]).mean(dim=0).to(value.dtype)
        if value.is_floating_point()
        else value
        for key, value in states[-1].items()
    }
    for module in (networks.generator, networks.ema.model):
        unfold(module, mean)
