"""The protocol: figures of a set, what the JSON says of itself, going on, sharing."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from gan_color.errors import GanColorError
from gan_color.evaluation.evaluator import evaluate
from gan_color.evaluation.per_image import MetricNetworks
from gan_color.evaluation.predictors import Predictor, baseline
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.report import cell, write_page
from gan_color.evaluation.summary import bootstrap, of_absolute
from gan_color.images.open import BadImageError
from tests.helpers.command_line import one_line, run
from tests.helpers.evaluating import CPU, SMALL, figures, tint
from tests.helpers.image_files import spoil


def test_figures_agree_with_scikit_image(photographs: Path, tmp_path: Path):
    found = figures([tint()], photographs, tmp_path)["tint"]
    psnr, delta, p95, color, truth_color = [], [], [], [], []
    for path in sorted(photographs.glob("*.png")):
        truth = np.asarray(Image.open(path))
        lab = rgb2lab(truth / 255.0)
        lab[..., 1], lab[..., 2] = 22.0, 11.0
        predicted = np.round(lab2rgb(lab) * 255).clip(0, 255).astype(np.uint8)
        psnr.append(peak_signal_noise_ratio(truth, predicted))
        error = deltaE_ciede2000(rgb2lab(truth / 255.0), rgb2lab(predicted / 255.0))
        delta.append(error.mean())
        p95.append(np.percentile(error, 95))
        for image, values in ((predicted, color), (truth, truth_color)):
            r, g, b = image.astype(float).transpose(2, 0, 1)
            rg, yb = abs(r - g), abs((r + g) / 2 - b)
            spread = np.hypot(rg.std(ddof=1), yb.std(ddof=1))
            values.append(spread + 0.3 * np.hypot(rg.mean(), yb.mean()))
    assert found["n"] == 6
    assert len(found["unreadable"]) == 1
    for key, expected in (
        ("psnr", psnr),
        ("delta_e2000", delta),
        ("delta_e2000_p95", p95),
        ("colorfulness", color),
        ("colorfulness_truth", truth_color),
    ):
        assert found[key] == pytest.approx(np.mean(expected), abs=1e-3), key
        low, high = found[f"{key}_ci"]
        assert min(expected) <= low <= found[key] <= high <= max(expected)
    gap = np.abs(np.array(color) - truth_color)
    assert found["delta_colorfulness_per_image"] == pytest.approx(gap.mean(), abs=1e-3)
    means_apart = abs(np.mean(color) - np.mean(truth_color))
    assert found["delta_colorfulness"] == pytest.approx(means_apart, abs=1e-3)
    share = np.mean(color) / np.mean(truth_color)
    assert found["colorfulness_share"] == pytest.approx(share, abs=1e-4)
    low, high = found["colorfulness_share_ci"]
    assert low <= share <= high


def test_the_truth_against_itself_is_perfect(photographs, networks, tmp_path):
    found = figures([baseline("truth")], photographs, tmp_path, networks)["truth"]
    assert found["psnr"] is None
    assert found["psnr_reason"].startswith("infinite")
    assert found["ssim"] == pytest.approx(1)
    zero = ("delta_e2000", "delta_colorfulness", "ab_histogram_distance", "frechet")
    assert [found[key] for key in zero] == pytest.approx([0] * len(zero), abs=1e-6)
    assert found["colorfulness"] == found["colorfulness_truth"]


def test_references_move_each_figure_as_they_should(photographs, networks, tmp_path):
    names = ("gray", "saturated", "hue-shifted")
    found = figures([baseline(name) for name in names], photographs, tmp_path, networks)
    truth = found["gray"]["colorfulness_truth"]
    assert found["gray"]["colorfulness"] < 0.01
    assert found["gray"]["near_gray"] == 1
    assert found["saturated"]["colorfulness"] > 1.1 * truth
    assert found["saturated"]["near_gray"] <= found["saturated"]["near_gray_truth"]
    assert found["hue-shifted"]["near_gray"] == pytest.approx(
        found["gray"]["near_gray_truth"], abs=0.01
    )
    for name in names:
        assert found[name]["frechet"] > 0
        assert found[name]["delta_e2000"] > 0
        assert found[name]["ab_histogram_distance"] > 0


def test_what_is_missing_is_null_with_a_reason(photographs, tmp_path):
    networks = MetricNetworks(missing={"fid": "no weights", "lpips": "--lpips-weights off"})
    found = figures([tint()], photographs, tmp_path, networks)["tint"]
    for key in ("fid", "lpips"):
        assert found[key] is None
        assert found[f"{key}_ci"] is None
        assert found[f"{key}_reason"] == networks.missing[key]
    text = json.dumps(found, allow_nan=False)  # strict JSON: no NaN, no Infinity
    record = json.loads(text)
    assert {"versions", "commit", "command", "resize", "protocol", "model_sha256"} <= set(record)
    assert "Pillow" in record["resize"]


def test_protocols_differ_in_geometry(tmp_path: Path, coffee: Image.Image):
    path = tmp_path / "wide.png"
    wide = coffee.crop((0, 0, 300, 100))
    wide.save(path)
    stretched = EvalProtocol("stretch256", 64).read(path)
    cropped = EvalProtocol("imagenet5k-crop", 64).read(path)
    native = EvalProtocol("native").read(path)
    assert stretched.shape == cropped.shape == (3, 64, 64)
    middle = wide.crop((100, 0, 200, 100)).resize((64, 64), Image.Resampling.BICUBIC)
    assert np.array_equal(cropped.permute(1, 2, 0).numpy(), np.asarray(middle))
    assert np.array_equal(native.permute(1, 2, 0).numpy(), np.asarray(wide))
    with pytest.raises(GanColorError, match="'val5k', expected one of imagenet5k-crop"):
        EvalProtocol("val5k")


def test_native_measures_what_the_pipeline_gives(tmp_path: Path, coffee: Image.Image):
    folder = tmp_path / "photos"
    folder.mkdir()
    coffee.crop((0, 0, 90, 60)).save(folder / "a.png")
    coffee.crop((50, 30, 130, 130)).save(folder / "b.png")
    coffee.crop((0, 0, 31, 60)).save(folder / "small.png")
    native = EvalProtocol("native")
    results, _ = evaluate([tint(protocol=native)], folder, native, MetricNetworks(), CPU, tmp_path)
    found = results[0].figures
    assert found["n"] == 2
    assert "31 x 60 pixels, at least 32 a side" in found["unreadable"][0]
    assert found["size"] is None
    assert 5 < found["psnr"] < 40


def test_the_page_shows_figures_plots_and_images(photographs, networks, tmp_path):
    networks.missing["fid"] = "no weights <here>"
    results, summary = evaluate(
        [tint(), baseline("gray")], photographs, SMALL, networks, CPU, tmp_path
    )
    assert summary is not None
    write_page(tmp_path / "deep" / "page.html", results, summary, SMALL)
    page = (tmp_path / "deep" / "page.html").read_text()
    assert page.count("data:image/png") == 2
    assert page.count("data:image/jpeg") == 2 * (4 + 4)
    assert "no weights &lt;here&gt;" in page
    assert f"{results[0].figures['psnr']:.3f}" in page
    assert "resnet18, stride 16" in page
    summary.discard()
    assert not list(tmp_path.glob(".evaluate-*"))


def test_intervals_are_as_wide_as_theory_says():
    column = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap({"x": column})["x"]
    assert high - low == pytest.approx(2 * 1.96 * column.std() / 20, rel=0.1)


@pytest.mark.parametrize(
    ("signed", "expected"),
    [((-3.0, 5.0), (0.0, 5.0)), ((1.0, 4.0), (1.0, 4.0)), ((-4.0, -1.0), (1.0, 4.0))],
)
def test_an_absolute_value_has_the_interval_of_the_signed_one_folded(signed, expected):
    assert of_absolute(signed) == expected


def test_every_interval_holds_its_own_value(photographs, networks, tmp_path):
    """Also that of an absolute difference which vanishes on average: each image for the next."""
    moved = Predictor("moved", lambda truth: truth.roll(1, 0), "moved")
    found = figures([moved], photographs, tmp_path, networks)["moved"]
    assert found["delta_colorfulness"] == pytest.approx(0, abs=1e-6)
    assert found["delta_colorfulness_per_image"] > 0.1
    held = {key.removesuffix("_ci"): ci for key, ci in found.items() if key.endswith("_ci") and ci}
    assert "delta_colorfulness" in held
    for name, (low, high) in held.items():
        assert low - 1e-9 <= found[name] <= high + 1e-9, name


def test_a_folder_of_nothing_readable_is_refused(tmp_path: Path):
    (tmp_path / "x.jpg").write_text("x")
    with pytest.raises(GanColorError, match="found 0 gray and 1 unreadable files"):
        figures([tint()], tmp_path, tmp_path / "work")
    with pytest.raises(BadImageError):
        SMALL.read(tmp_path / "x.jpg")


def test_what_is_no_readable_photo_is_listed_and_the_rest_measured(photographs, tmp_path):
    bad = ["broken.jpg", *spoil(photographs)]
    found = figures([baseline("gray")], photographs, tmp_path / "work")["gray"]
    assert found["n"] == 6
    listed = [line.partition(": ") for line in found["unreadable"]]
    assert sorted(Path(path).name for path, _, _ in listed) == sorted(bad)
    assert all(reason for _, _, reason in listed)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_there_is_no_interval_of_what_cannot_have_one(count, photographs, networks, tmp_path):
    for i in range(count, 6):
        (photographs / f"{i}.png").unlink()
    results, summary = evaluate(
        [tint(), baseline("truth")], photographs, SMALL, networks, CPU, tmp_path / "work"
    )
    found = results[0].figures
    assert found["n"] == count
    assert (found["psnr_ci"] is None) == (count == 1)
    assert found["ab_histogram_distance"] > 0
    assert found["ab_histogram_distance_ci"] is None  # half of three is one, or two
    psnr = f"{found['psnr']:.3f}"
    assert (cell(found, "psnr", 3) == psnr) == (count == 1)
    write_page(tmp_path / "page.html", results, summary, SMALL)
    page = (tmp_path / "page.html").read_text()
    assert ("no intervals of one image" in page) == (count == 1)
    json.dumps(found, allow_nan=False)


def test_the_shared_set_agrees_with_numpy_alone(shared: Path, tmp_path: Path):
    """PSNR and colorfulness of the all-gray answer on real photographs, computed apart."""
    folder = tmp_path / "val"
    folder.mkdir()
    for path in sorted((shared / "data" / "val").glob("*.jpg"))[::12]:
        (folder / path.name).symlink_to(path)
    protocol = EvalProtocol(keep_gray=True)
    results, _ = evaluate([baseline("gray")], folder, protocol, MetricNetworks(), CPU, tmp_path)
    psnr, color = [], []
    for path in sorted(folder.iterdir()):
        truth = protocol.read(path).numpy()
        lab = rgb2lab(truth.transpose(1, 2, 0) / 255.0)
        lab[..., 1:] = 0
        gray = np.round(lab2rgb(lab) * 255).clip(0, 255).transpose(2, 0, 1)
        psnr.append(10 * np.log10(255**2 / np.mean((truth - gray) ** 2)))
        r, g, b = truth.astype(float)
        rg, yb = abs(r - g), abs((r + g) / 2 - b)
        spread = np.hypot(rg.std(ddof=1), yb.std(ddof=1))
        color.append(spread + 0.3 * np.hypot(rg.mean(), yb.mean()))
    assert results[0].figures["psnr"] == pytest.approx(np.mean(psnr), abs=1e-3)
    assert results[0].figures["colorfulness_truth"] == pytest.approx(np.mean(color), abs=1e-3)


def test_a_second_space_has_figures_of_its_own(
    photographs, tmp_path, capsys: pytest.CaptureFixture[str]
):
    spaces = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        path = tmp_path / f"{seed}.safetensors"
        save_file(timm.create_model("test_resnet").state_dict(), path)
        spaces.append(path)
    off = ("--fid-weights", "off", "--lpips-weights", "off")
    common = ("evaluate", "--baseline", "gray", "--data", photographs, *off)
    first = ("--frechet", "test_resnet", "--frechet-weights", spaces[0])
    second = f"{{backbone: test_resnet, weights: {spaces[1]}}}"
    written = tmp_path / "f.json"
    assert run(*common, *first, "--second-frechet", second, "--json", written) == 0
    found = json.loads(written.read_text())
    found = found[0] if isinstance(found, list) else found
    assert found["frechet"] > 0
    assert found["frechet_2"] > 0
    assert found["frechet"] != found["frechet_2"]
    assert set(found["spaces"]) == {"frechet", "frechet_2"}
    assert "Fréchet distance, second" in capsys.readouterr().out
    assert run(*common, "--second-frechet", "{backbon: x}") == 2
    assert "--second-frechet: backbon: unknown key" in one_line(capsys)
