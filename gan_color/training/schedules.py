"""How a stage's learning rate moves: functions of the share of the stage that is done, 0..1."""

from collections.abc import Callable

import numpy as np
from fastai.callback.schedule import combined_cos
from numpy.typing import NDArray

from gan_color.config.stages import Stage

Rates = NDArray[np.float64]
DIV_START, DIV_END = 25.0, 1e5  # one cycle begins at 1/25 of the rate and ends at 1/100,000


def rate_schedule(stage: Stage, rates: Rates) -> Callable[[float], Rates]:
    """The stage's schedule, from the highest rate of each parameter group."""
    if stage.schedule == "one_cycle":
        rise = min(max(stage.pct_start, 1e-3), 1 - 1e-3)  # both ends divide by 0
        cycle: Callable[[float], Rates] = combined_cos(
            rise, rates / DIV_START, rates, rates / DIV_END
        )
        return cycle
    if stage.schedule == "linear":
        return lambda done: rates * min(1.0, (1.0 - done) / max(1.0 - stage.hold_fraction, 1e-9))
    if stage.schedule == "steps":
        return lambda done: rates * stage.gamma ** sum(done >= m for m in stage.milestones)
    return lambda done: rates
