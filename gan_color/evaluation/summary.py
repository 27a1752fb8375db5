"""From what was kept of every image to figures of the set, each with its 95 % interval."""

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from gan_color.evaluation.chunk_store import Array, Store
from gan_color.evaluation.distances import (
    Interval,
    frechet_with_interval,
    half_samples,
    kernel_with_interval,
)
from gan_color.evaluation.per_image import (
    FULL_REFERENCE,
    NO_REFERENCE,
    TRUTH,
    MetricNetworks,
    column_of,
)

RESAMPLES = 1000
SEED = 0
PSNR_LIMIT = 100.0  # dB that an equal image counts as, in a mean with others
NO_NETWORK = "needs a network that was not given"
INFINITE = "infinite"
MIN_IMAGES = 4  # images a distance between sets is computed for
DISTANCES = ("fid", "fid_clean", "kid", "frechet", "kernel", "frechet_2", "kernel_2")
Column = NDArray[np.float64]


def bootstrap(
    columns: dict[str, Column],
    further: Callable[[dict[str, float]], dict[str, float]] | None = None,
) -> dict[str, Interval]:
    """Percentile intervals (95 %, 1,000 resamples of the images) of the columns' means.

    All columns are resampled alike; `further` maps {name: mean} to {name: value} of more figures.
    """
    names = list(columns)
    table = np.stack([columns[name] for name in names], axis=1)
    generator = np.random.default_rng(SEED)
    found: dict[str, list[float]] = {}
    for _ in range(RESAMPLES):
        rows = generator.integers(len(table), size=len(table))
        means = dict(zip(names, table[rows].mean(axis=0).tolist(), strict=True))
        for name, value in (means | (further(means) if further else {})).items():
            found.setdefault(name, []).append(value)
    return {
        name: (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5)))
        for name, values in found.items()
    }


def of_absolute(interval: Interval) -> Interval:
    """The interval of a figure's absolute value, from that of the signed figure.

    Absolute values of resamples would be far from 0 where the figure varies around it, and their
    interval would exclude the figure itself.
    """
    low, high = interval
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return nearest, max(abs(low), abs(high))


class Summary:
    """Metrics of the predictors of one finished store."""

    def __init__(self, store: Store, chunks: int, networks: MetricNetworks) -> None:
        self.store, self.chunks, self.networks = store, chunks, networks
        names = store.names(chunks)
        self.files, self.unreadable, self.gray = names.files, names.unreadable, names.gray
        self._gathered: dict[str, Array] = {}

    def figures(self, predictor: str) -> dict[str, Any]:
        """Every metric of a predictor; `NAME_ci` beside it, or null and `NAME_reason`.

        Of one image there is no interval: `NAME_ci` is null.
        """
        found: dict[str, Any] = {}
        self._means(predictor, found)
        self._histograms(predictor, found)
        self._distances(predictor, found)
        for name, reason in self.networks.missing.items():
            _absent(found, name, reason)
        for name in DISTANCES:
            if name not in found:
                _absent(found, name, NO_NETWORK)
        return found

    def discard(self) -> None:
        """Remove what was measured from the disk; nothing here can be asked afterwards."""
        shutil.rmtree(self.store.folder)

    def _gather(self, predictor: str, kind: str) -> Array:
        name = f"{predictor}/{kind}"
        if name not in self._gathered:  # on disk, mapped: asking again would write it again
            self._gathered[name] = self.store.gather(name, self.chunks)
        return self._gathered[name]

    def per_image(self, predictor: str) -> Array:
        """[N, len(COLUMNS)]"""
        return self._gather(predictor, "figures")

    def density(self, predictor: str) -> Array:
        """Pixels of all images on the ab plane (gan_color.evaluation.per_image)."""
        density: Array = self.store.add_up(f"{predictor}/density", self.chunks)[0]
        return density

    def _means(self, predictor: str, found: dict[str, Any]) -> None:
        columns: dict[str, Column] = {}
        for name in (*FULL_REFERENCE, *NO_REFERENCE):
            column = column_of(self.per_image(predictor), name)
            if np.isnan(column).any():
                _absent(found, name, NO_NETWORK)
                continue
            columns[name] = column
        infinite = np.isinf(columns["psnr"])
        columns["psnr"] = columns["psnr"].clip(max=PSNR_LIMIT)
        for name in ("colorfulness", "near_gray"):
            columns[f"{name}_truth"] = column_of(self.per_image(TRUTH), name)
        difference = columns["colorfulness"] - columns["colorfulness_truth"]
        columns["delta_colorfulness_per_image"] = np.abs(difference)
        columns["delta_colorfulness"] = difference
        means = {name: float(column.mean()) for name, column in columns.items()}
        intervals = bootstrap(columns, _shares)
        means |= _shares(means)
        name = "delta_colorfulness"
        means[name], intervals[name] = abs(means[name]), of_absolute(intervals[name])
        for name, value in means.items():
            found[name] = value
            found[f"{name}_ci"] = list(intervals[name]) if len(self.files) > 1 else None
        if infinite.all():
            _absent(found, "psnr", f"{INFINITE}: every image equals the truth")

    def _histograms(self, predictor: str, found: dict[str, Any]) -> None:
        bins, truth = self._gather(predictor, "bins"), self._gather(TRUTH, "bins")

        def distance(rows: Any) -> float:
            first, second = (x[rows].sum(axis=0, dtype=np.float64) for x in (bins, truth))
            return float(jensenshannon(first, second, base=2))

        name = "ab_histogram_distance"
        found[name], found[f"{name}_ci"] = distance(slice(None)), None
        if len(bins) < MIN_IMAGES:  # halves of which say nothing
            return
        low, high = half_samples(distance, found[name], len(bins), SEED)
        found[f"{name}_ci"] = [max(0.0, low), high]

    def _distances(self, predictor: str, found: dict[str, Any]) -> None:
        for extractor in self.networks.extractors:
            truth, mine = self._gather(TRUTH, extractor.key), self._gather(predictor, extractor.key)
            for name, measure in (
                (extractor.frechet_key, frechet_with_interval),
                (extractor.kernel_key, kernel_with_interval),
            ):
                if not name:
                    continue
                if len(truth) < MIN_IMAGES:
                    _absent(found, name, f"{len(truth)} images, at least {MIN_IMAGES} are needed")
                    continue
                found[name], interval = measure(mine, truth, SEED)
                found[f"{name}_ci"] = list(interval)


def _shares(means: dict[str, float]) -> dict[str, float]:
    """Colorfulness of a set over the truth's, where that has any."""
    truth = means["colorfulness_truth"]
    return {"colorfulness_share": means["colorfulness"] / truth} if truth else {}


def _absent(found: dict[str, Any], name: str, reason: str) -> None:
    found[name], found[f"{name}_ci"], found[f"{name}_reason"] = None, None, reason
