"""Images in, arrays out: the metrics of every image, for every predictor."""

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan_color.color.ab_bins import BIN_COUNT, nearest_bin
from gan_color.color.lab import AB_SCALE, from_rgb8
from gan_color.evaluation import metrics
from gan_color.evaluation.chunk_store import Array, Chunk
from gan_color.evaluation.feature_extractors import FeatureExtractor, ImageClassifier, Lpips
from gan_color.evaluation.predictors import Predictor
from gan_color.evaluation.protocols import EvalProtocol, GrayPhotoError
from gan_color.images.open import BadImageError

TRUTH = "truth"
BATCH = 8
READERS = 4  # threads that decode ahead
DENSITY_STEP = 2.0  # a*, b* units a cell of the ab density
DENSITY_SIDE = int(2 * AB_SCALE / DENSITY_STEP)

# Of every image: those that compare it with the truth, and those of the image alone.
FULL_REFERENCE = (
    *("psnr", "ssim", "lpips", "delta_e2000", "delta_e2000_median", "delta_e2000_p95"),
    "false_red",
    "classified_alike",
)
NO_REFERENCE = ("colorfulness", "colorfulness_signed", "near_gray")
COLUMNS = (*FULL_REFERENCE, *NO_REFERENCE)


@dataclass
class MetricNetworks:
    """The networks behind metrics, and why some are missing: {metric: reason}."""

    extractors: list[FeatureExtractor] = field(default_factory=list)
    lpips: Lpips | None = None
    classifier: ImageClassifier | None = None
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, str]:
        """SHA-256 of the weights, by the metric that they decide."""
        found = {extractor.frechet_key: extractor.weights_sha256 for extractor in self.extractors}
        single = {"lpips": self.lpips, "classified_alike": self.classifier}
        return found | {k: v.weights_sha256 for k, v in single.items() if v is not None}

    def to(self, device: torch.device) -> "MetricNetworks":
        """Move the networks, into the memory layout that is fastest for convolutions."""
        for module in (*self.extractors, self.lpips, self.classifier):
            if module is not None:
                module.to(device).to(memory_format=torch.channels_last)
        return self


def _figures(
    image: Tensor,
    truth: Tensor | None,
    networks: MetricNetworks,
    true_class: Tensor | None = None,
) -> Tensor:
    """[B, len(COLUMNS)] float64; not a number where a figure does not apply.

    `true_class` [B] is what the classifier says of the truth.
    """
    count = len(image)
    columns = {name: torch.full((count,), math.nan) for name in COLUMNS}
    if truth is not None:
        columns["psnr"] = metrics.psnr(image, truth)
        columns["ssim"] = metrics.ssim(image, truth)
        columns["false_red"] = metrics.false_red(image, truth)
        error = metrics.delta_e2000(image, truth)
        columns |= {
            "delta_e2000": error.mean,
            "delta_e2000_median": error.median,
            "delta_e2000_p95": error.p95,
        }
        if networks.lpips is not None:
            columns["lpips"] = networks.lpips(image, truth)
        if networks.classifier is not None and true_class is not None:
            columns["classified_alike"] = (networks.classifier(image) == true_class).float()
    columns["colorfulness"] = metrics.colorfulness(image)
    columns["colorfulness_signed"] = metrics.colorfulness_signed(image)
    columns["near_gray"] = metrics.near_gray(image)
    return torch.stack([columns[name].double().cpu() for name in COLUMNS], dim=1)


def _bins(ab: Tensor) -> Tensor:
    """Pixels an image in each of the 313 colors: [B, 313] int32, of scaled ab [B, 2, H, W]."""
    count = len(ab)
    offset = torch.arange(count, device=ab.device).view(-1, 1, 1) * BIN_COUNT
    index = (nearest_bin(ab) + offset).flatten()
    return torch.bincount(index, minlength=count * BIN_COUNT).view(count, BIN_COUNT).int().cpu()


def _density(ab: Tensor) -> Tensor:
    """Pixels of a batch on the ab plane: [SIDE, SIDE] int64, rows a*, columns b*, cells of 2."""
    cells = ((ab + 1) * (AB_SCALE / DENSITY_STEP)).long().clamp(0, DENSITY_SIDE - 1)
    index = (cells[:, 0] * DENSITY_SIDE + cells[:, 1]).flatten()
    counts = torch.bincount(index, minlength=DENSITY_SIDE**2)
    return counts.view(DENSITY_SIDE, DENSITY_SIDE).cpu()


class Measurer:
    """Evaluates every predictor on a chunk of files."""

    def __init__(
        self,
        predictors: list[Predictor],
        protocol: EvalProtocol,
        networks: MetricNetworks,
        device: torch.device,
    ) -> None:
        self.predictors, self.protocol, self.networks, self.device = (
            predictors,
            protocol,
            networks,
            device,
        )
        self.pool = ThreadPoolExecutor(READERS)

    def read_ahead(self, paths: list[Path]) -> list[Future[Tensor]]:
        """Begin to decode files in the background."""
        return [self.pool.submit(self.protocol.read, path) for path in paths]

    @torch.no_grad()
    def measure(self, paths: list[Path], images: list[Future[Tensor]]) -> Chunk:
        """A chunk of the images that `read_ahead` began to decode."""
        chunk = Chunk()
        parts: dict[str, list[Tensor]] = {}
        for batch in self._batches(paths, images, chunk):
            for name, value in self._measure_batch(batch.to(self.device)):
                parts.setdefault(name, []).append(value)
        for name, values in parts.items():
            whole = (
                torch.stack(values).sum(0)[None] if name.endswith("/density") else torch.cat(values)
            )
            chunk.arrays[name] = np.ascontiguousarray(whole.numpy())
        return chunk

    def _batches(
        self, paths: list[Path], images: list[Future[Tensor]], chunk: Chunk
    ) -> Iterator[Tensor]:
        waiting: list[Tensor] = []
        for path, future in zip(paths, images, strict=True):
            try:
                waiting.append(future.result())
            except GrayPhotoError:
                chunk.gray.append(str(path))
                continue
            except BadImageError as error:
                chunk.unreadable.append(f"{path}: {error}")
                continue
            chunk.files.append(str(path))
            if len(waiting) == (BATCH if self.protocol.fixed else 1):
                yield torch.stack(waiting)
                waiting = []
        if waiting:
            yield torch.stack(waiting)

    def _measure_batch(self, truth: Tensor) -> Iterator[tuple[str, Tensor]]:
        # The truth is evaluated once more where it is asked for as a baseline.
        if all(predictor.name != TRUTH for predictor in self.predictors):
            yield f"{TRUTH}/figures", _figures(truth, None, self.networks)
            yield from self._distribution(TRUTH, truth)
        classifier = self.networks.classifier
        true_class = None if classifier is None else classifier(truth)
        for predictor in self.predictors:
            image = predictor.predict(truth)
            figures = _figures(image, truth, self.networks, true_class)
            yield f"{predictor.name}/figures", figures
            yield from self._distribution(predictor.name, image)

    def _distribution(self, name: str, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        _, ab = from_rgb8(image)
        yield f"{name}/bins", _bins(ab)
        yield f"{name}/density", _density(ab)
        for extractor in self.networks.extractors:
            yield f"{name}/{extractor.key}", extractor(image).cpu()


def column_of(array: Array, column: str) -> Array:
    """One figure of every image, [N], from `figures` [N, len(COLUMNS)]."""
    return array[:, COLUMNS.index(column)]
