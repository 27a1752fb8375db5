"""The parts of the kit, in the order in which they are measured."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.gpu import (
    checkpoints,
    compilation,
    correctness,
    loading,
    machine,
    peaks,
    throughput,
    training,
)
from benchmarks.gpu.settings import Measurement, Settings

ANY = float("inf")


class Part(NamedTuple):
    """A question, and the time its answer may take: seconds of a start of 25 minutes."""

    name: str
    question: str
    measurements: Callable[[Settings], dict[str, Measurement]]
    least: float  # with less the part is left for the next start
    each: float  # a measurement that takes longer is killed
    most: float  # of all its measurements in one start
    alone: bool = False  # a process for each measurement: nothing is left of the one before


PARTS = (
    Part("machine", "What is it?", machine.measurements, 5, 60, 90),
    Part("correctness", "Is it right?", correctness.measurements, 20, 150, 300),
    Part("learning", "Do losses fall?", training.short, 40, 120, 120),
    Part("peaks", "Does what is planned fit?", peaks.measurements, 30, 90, 240, alone=True),
    Part("throughput", "How fast?", throughput.measurements, 20, 60, 210, alone=True),
    Part("compilation", "Does compiling pay?", compilation.measurements, 40, 200, 360, alone=True),
    Part("loader", "Does the GPU wait?", loading.measurements, 20, 60, 120),
    Part("checkpoint", "What does a checkpoint cost?", checkpoints.measurements, 10, 45, 60),
    Part("training", "How far does a recipe come?", training.real, 60, ANY, ANY),
)
