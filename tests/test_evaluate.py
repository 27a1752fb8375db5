"""The figures of `gan-color evaluate` against a computation of their own."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from test_pipeline import Tint

from gan_color.errors import GanColorError
from gan_color.evaluate import evaluate
from gan_color.metrics import BackboneFeatures


@pytest.fixture
def photographs(tmp_path: Path, coffee: Image.Image) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        coffee.crop((i * 60, 20, i * 60 + 200, 220)).resize((64, 64)).save(folder / f"{i}.png")
    (folder / "broken.jpg").write_text("x")
    return folder


def test_figures_agree_with_scikit_image(photographs: Path):
    found = evaluate(Tint(0.2, 0.1), photographs, size=64)
    psnr, delta, colour, truth_colour = [], [], [], []
    for path in sorted(photographs.glob("*.png")):
        truth = np.asarray(Image.open(path))
        lab = rgb2lab(truth / 255.0)
        lab[..., 1], lab[..., 2] = 22.0, 11.0
        picture = np.round(lab2rgb(lab) * 255).clip(0, 255).astype(np.uint8)
        psnr.append(peak_signal_noise_ratio(truth, picture))
        delta.append(deltaE_ciede2000(rgb2lab(truth / 255.0), rgb2lab(picture / 255.0)).mean())
        for image, values in ((picture, colour), (truth, truth_colour)):
            r, g, b = image.astype(float).transpose(2, 0, 1)
            rg, yb = abs(r - g), abs((r + g) / 2 - b)
            spread = np.hypot(rg.std(ddof=1), yb.std(ddof=1))
            values.append(spread + 0.3 * np.hypot(rg.mean(), yb.mean()))
    assert found["n"] == 3
    assert len(found["unreadable"]) == 1
    assert found["psnr"] == pytest.approx(np.mean(psnr), abs=1e-3)
    assert found["delta_e2000"] == pytest.approx(np.mean(delta), abs=1e-3)
    assert found["colorfulness"] == pytest.approx(np.mean(colour), rel=1e-3)
    assert found["colorfulness_truth"] == pytest.approx(np.mean(truth_colour), rel=1e-3)
    assert found["frechet"] is None


def test_grey_is_the_answer_without_chroma(photographs: Path):
    found = evaluate(Tint(0.0, 0.0), photographs, size=64)
    for key in ("psnr", "delta_e2000", "colorfulness"):
        assert found[key] == pytest.approx(found["grey"][key])
    assert found["grey"]["colorfulness"] < 0.01


def test_frechet_distance_in_a_backbones_space(photographs: Path, tmp_path: Path):
    torch.manual_seed(0)
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "w.safetensors")
    features = BackboneFeatures("resnet18", str(tmp_path / "w.safetensors"))
    found = evaluate(Tint(0.3, 0.3), photographs, size=64, features=features)
    assert "resnet18" in found["frechet_space"]
    assert found["frechet"] > 0
    assert found["grey"]["frechet"] > 0
    with pytest.raises(GanColorError, match="stride 7"):
        BackboneFeatures("resnet18", str(tmp_path / "w.safetensors"), stride=7)


def test_a_folder_of_nothing_readable_is_refused(tmp_path: Path):
    (tmp_path / "x.jpg").write_text("x")
    with pytest.raises(GanColorError, match="none of the 1 files"):
        evaluate(Tint(), tmp_path)
