"""An evaluation at a small size."""

from pathlib import Path

import torch

from gan_color.evaluation.evaluator import evaluate
from gan_color.evaluation.per_image import MetricNetworks
from gan_color.evaluation.predictors import Predictor, model_predictor
from gan_color.evaluation.protocols import EvalProtocol
from tests.helpers.tint import Tint

SMALL = EvalProtocol("imagenet5k-crop", 64)
CPU = torch.device("cpu")


def figures(
    predictors: list[Predictor], data: Path, work: Path, networks: MetricNetworks | None = None
) -> dict:
    results, summary = evaluate(predictors, data, SMALL, networks or MetricNetworks(), CPU, work)
    assert summary is not None
    return {result.predictor.name: result.figures for result in results}


def tint(a: float = 0.2, b: float = 0.1, protocol: EvalProtocol = SMALL) -> Predictor:
    """A model that answers ab = (a, b) everywhere."""
    return model_predictor(Tint(a, b), protocol, "tint", f"{a} {b}")
