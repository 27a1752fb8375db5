"""Post-hoc EMA: after a run, the EMA that its generator would have had with another half-life.

Karras et al. 2024 (EDM2), https://arxiv.org/abs/2312.02696, section 3: an EMA is a weighted mean of
all weights that a training went through, so a weighted sum of a few EMAs, kept as snapshots, comes
near one of another length. Theirs are two power functions; here a run's checkpoints hold its one
EMA, exponential, and longer ones are made of those.

The snapshots' weights are those of the least expected distance, were the generator's way a random
walk: the integral of the squared difference of the cumulative profiles. They are never negative, so
that no running variance of a BatchNorm can be either.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from gan_color.config.schema import Config
from gan_color.config.stages import DiscriminatorStage
from gan_color.errors import GanColorError
from gan_color.models.base import Colorizer
from gan_color.training import checkpoint
from gan_color.training.averaging.ema import EMA, STATISTICS, half_life_of
from gan_color.training.checkpoint import Checkpoint
from gan_color.training.networks import create_generator

LARGEST_ERROR = 0.1  # of a mean's expected distance to the EMA asked for, see `Fit`
GRID = 4096  # most points that profiles are compared at
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Weights of snapshots, of sum 1, and how far their mean is from the EMA asked for: a share of
    that EMA's distance to the last weights, were the way a random walk.
    """

    weights: Array
    error: float


@dataclass(frozen=True)
class PosthocEMA:
    """A generator, and what it was made of."""

    model: Colorizer
    stage: str
    images: int  # of the stage, at its end
    snapshots: int
    error: float  # of `Fit`


def posthoc_ema(config: Config, half_life: float) -> PosthocEMA:
    """The EMA, at a run's end, whose half-life had been so many images throughout the last stage
    that trains the generator. (Earlier stages keep one checkpoint each, too few to tell.)

    It begins where the run's own began in that stage. Raises GanColorError where the snapshots
    cannot give it.
    """
    snapshots = _snapshots(config)
    last = snapshots[-1].state
    index = last["stage_index"]
    chosen = config.schedule[index].stage
    assert not isinstance(chosen, DiscriminatorStage)
    own = half_life_of(chosen, config)
    if not own <= half_life < float("inf"):
        raise GanColorError(
            f"half-life: found {half_life:g} images, expected {own:g} or more, as the run's "
            "EMA has: a shorter mean cannot be made of longer ones"
        )
    batch = chosen.images_per_batch
    longest = EMA.RAMP * last["ema_images"]
    if half_life > max(own, longest) and not config.run.init_from:
        raise GanColorError(
            f"half-life: found {half_life:g} images, expected at most {longest:g}: until it has "
            f"seen more, an EMA has the half-life of {EMA.RAMP:.0%} of the images that it saw"
        )
    seen = last["ema_images"] - last["images"]
    ends = [0 if s.state["stage_index"] < index else s.state["images"] // batch for s in snapshots]
    # A run that goes on from a model file has no wild weights to forget (EMA.skip_ramp).
    wanted = max(seen, round(half_life / EMA.RAMP)) if config.run.init_from else seen
    fit = fit_snapshots(
        log_kept(own, seen, batch, ends[-1]), ends, log_kept(half_life, wanted, batch, ends[-1])
    )
    if fit.error > LARGEST_ERROR:
        raise GanColorError(
            f"half-life: what was kept of {chosen.name} ({len(snapshots)} of its EMA) gives one of "
            f"{half_life:g} images only with an error of {fit.error:.0%}, expected at most "
            f"{LARGEST_ERROR:.0%}: train with more checkpoints kept (run.keep_checkpoints, one "
            "every run.epoch_images), or ask for another half-life"
        )
    used = [(s, w) for s, w in zip(snapshots, fit.weights, strict=True) if w > 0]
    model = create_generator(config, resumed=True).eval()
    _load_mean(model, used, snapshots[-1])
    return PosthocEMA(model, chosen.name, last["images"], len(used), fit.error)


def log_kept(half_life: float, seen: int, batch: int, updates: int) -> Array:
    """[updates + 1]: logarithm of the share of its start that an EMA still holds after each update
    of a stage; it had `seen` images when the stage began.
    """
    kept = [EMA.kept(half_life, seen + (i + 1) * batch, batch) for i in range(updates)]
    return np.concatenate([[0.0], np.cumsum(np.log(kept))])


def fit_snapshots(own: Array, ends: list[int], wanted: Array) -> Fit:
    """Weights of EMAs taken after `ends` updates, the last of them the stage's, whose sum comes
    nearest the EMA `wanted`; `own` and `wanted` are `log_kept`.
    """
    last = ends[-1]
    grid = np.unique(np.linspace(0, last, min(last, GRID) + 1).round().astype(int))
    # What an EMA holds of the weights up to update i is what it keeps of itself since then.
    profiles = np.stack([np.exp(np.minimum(own[end] - own[grid], 0.0)) for end in ends], axis=1)
    target = np.exp(wanted[last] - wanted[grid])
    heavy = 1e3 * len(grid)  # that they sum to 1 comes first
    weights, _ = nnls(
        np.vstack([profiles, np.full((1, len(ends)), heavy)]), np.append(target, heavy)
    )
    weights /= weights.sum()
    error = np.linalg.norm(profiles @ weights - target) / np.linalg.norm(target)
    return Fit(weights, float(error))


def _snapshots(config: Config) -> list[Checkpoint]:
    """Checkpoints of the last stage that trains the generator, up to where it ended, oldest first;
    before them, the one that the stage began with, where there is one.
    """
    folder = config.folder / "checkpoints"
    whole = checkpoint.find(folder)
    stages = [scheduled.stage for scheduled in config.schedule]
    scheduled = [s for s in config.schedule if not isinstance(s.stage, DiscriminatorStage)][-1]
    stage, end = scheduled.stage, float("inf")
    best = whole[-1].state["best"].get(scheduled.of) if whole else None
    if best:  # early stopping went back to it, into an earlier cycle even
        stage = next(s for s in stages if s.name == best["stage"])
        end = best["images"]
    index = stages.index(stage)
    found = [c for c in whole if c.state["stage_index"] == index and c.state["images"] <= end]
    if not found:
        raise GanColorError(f"posthoc-ema: found no whole checkpoint of {stage.name} in {folder}")
    before = [c for c in whole if c.state["stage_index"] < index]
    if before and not stage.average_from:
        found.insert(0, before[-1])
    return [checkpoint.read(c.folder) for c in found]


def _load_mean(
    model: Colorizer, snapshots: list[tuple[Checkpoint, float]], last: Checkpoint
) -> None:
    """Load the weighted mean of EMA generators; what an EMA does not average is the last one's."""
    state: dict[str, Any] = checkpoint.load(last, "ema")
    averaged = {name for name, _ in model.named_parameters()}
    averaged |= {name for name, _ in model.named_buffers() if name.endswith(STATISTICS)}
    sums: dict[str, Tensor] = {}
    for snapshot, weight in snapshots:
        ema = checkpoint.load(snapshot, "ema")
        for name in averaged:
            value = ema[name].double() * weight
            sums[name] = sums[name] + value if name in sums else value
    model.load_state_dict(state | {name: sums[name].to(state[name].dtype) for name in averaged})
