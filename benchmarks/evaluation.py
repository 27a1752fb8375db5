"""The evaluation protocol against a plain loop of the libraries' own metrics.

Both measure the all-gray baseline on the same images with the same networks (random weights: a
network costs the same whatever it knows), each in a process of its own, for its peak memory.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.harness import Row
from benchmarks.isolated import high_water, run_isolated
from gan_color.errors import GanColorError
from gan_color.images.files import find_images


class _Pooled(nn.Module):
    """A random resnet18's pooled features of uint8 sRGB [B, 3, H, W]."""

    key, name, channels = "backbone", "random", 512
    weights_sha256 = "random"
    frechet_key, kernel_key = "frechet", "kernel"
    num_features = channels  # torchmetrics reads it

    def __init__(self) -> None:
        import timm

        super().__init__()
        torch.manual_seed(0)
        self.network = timm.create_model("resnet18", num_classes=0).requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.network(image.float() / 255)
        return features


class _Lpips(nn.Module):
    weights_sha256 = "random"

    def __init__(self) -> None:
        from torchmetrics.functional.image.lpips import _NoTrainLpips

        super().__init__()
        torch.manual_seed(0)
        self.network = _NoTrainLpips(net="alex", pnet_rand=True)

    @torch.no_grad()
    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        distance: Tensor = self.network(image / 255.0, truth / 255.0, normalize=True)
        return distance.flatten()


def _ours(folder: Path) -> dict[str, float]:
    from gan_color.evaluation.evaluator import evaluate
    from gan_color.evaluation.per_image import MetricNetworks
    from gan_color.evaluation.predictors import baseline
    from gan_color.evaluation.protocols import EvalProtocol

    networks = MetricNetworks([_Pooled()], _Lpips())  # type: ignore[list-item,arg-type]
    with tempfile.TemporaryDirectory() as work:
        results, _ = evaluate(
            [baseline("gray")],
            folder,
            EvalProtocol(keep_gray=True),  # the plain loop does not tell gray ones
            networks,
            torch.device("cpu"),
            Path(work),
        )
    found = results[0].figures
    return {key: found[key] for key in ("psnr", "ssim", "delta_e2000", "frechet")}


def _plain(folder: Path) -> dict[str, float]:
    from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
    from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    paths = find_images(folder)
    extractor, lpips = _Pooled(), _Lpips()
    psnr = PeakSignalNoiseRatio(255.0, reduction="none", dim=(1, 2, 3))
    ssim = StructuralSimilarityIndexMeasure(data_range=255.0)
    fid = FrechetInceptionDistance(feature=extractor)
    kid = KernelInceptionDistance(feature=extractor, subset_size=min(1000, len(paths) // 2))
    color, errors, perceptual = [], [], []
    for path in paths:
        image = Image.open(path).convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        crop = image.crop((left, top, left + side, top + side))
        truth = np.asarray(crop.resize((256, 256), Image.Resampling.BICUBIC))
        lab = rgb2lab(truth)
        gray_lab = lab.copy()
        gray_lab[..., 1:] = 0
        gray = (lab2rgb(gray_lab) * 255).round().clip(0, 255).astype(np.uint8)
        errors.append(deltaE_ciede2000(lab, rgb2lab(gray)).mean())
        for predicted in (gray, truth):
            r, g, b = predicted.astype(float).transpose(2, 0, 1)
            rg, yb = abs(r - g), abs((r + g) / 2 - b)
            spread = np.hypot(rg.std(), yb.std())
            color.append(spread + 0.3 * np.hypot(rg.mean(), yb.mean()))
        a, b = (torch.from_numpy(x.transpose(2, 0, 1).copy())[None] for x in (gray, truth))
        psnr.update(a.float(), b.float())
        ssim.update(a.float(), b.float())
        perceptual.append(float(lpips(a, b)))
        for metric in (fid, kid):
            metric.update(b, real=True)
            metric.update(a, real=False)
    kid.compute()
    return {
        "psnr": float(psnr.compute().mean()),
        "ssim": float(torch.as_tensor(ssim.compute())),
        "delta_e2000": float(np.mean(errors)),
        "frechet": float(fid.compute()),
    }


def _measured(ours: bool, folder: Path) -> tuple[float, float, dict[str, float]]:
    started = time.perf_counter()
    figures = (_ours if ours else _plain)(folder)
    return time.perf_counter() - started, high_water(), figures


def bench_evaluation(folder: Path) -> list[Row]:
    """Two rows, ours and plain: seconds per 1,000 images, peak memory, and a few figures."""
    count = len(find_images(folder))
    if count < 8:
        raise GanColorError(f"bench: found {count} images in {folder}, expected at least 8")
    rows = []
    for ours in (True, False):
        seconds, peak, figures = run_isolated(_measured, ours, folder)
        rows.append(
            {
                "evaluation": "gan_color" if ours else "plain loop",
                "images": count,
                "seconds_per_1000": round(seconds / count * 1000, 1),
                "peak_mib": round(peak),
                **{key: round(value, 4) for key, value in figures.items()},
            }
        )
    return rows
