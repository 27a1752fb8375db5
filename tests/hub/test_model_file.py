"""Models in other forms."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan_color
from gan_color.errors import GanColorError
from gan_color.hub import pretrained
from gan_color.hub.model_card import model_card
from gan_color.hub.model_file import load_model, read_header, save_half, save_model
from gan_color.inference import onnx_model
from gan_color.inference.onnx_model import OnnxColorizer, export_onnx
from gan_color.models import registry
from gan_color.models.base import Colorizer
from tests.helpers.runs import REPOSITORY

RECORD = {
    "run": "tiny",
    "stages": [{"name": "gan", "kind": "adversarial", "images": 24, "size": 32, "batch_size": 6}],
    "images": 1234,
    "data_license": "CC BY 4.0",
    "photos": 98,
    "sources": {"commons": 98},
    "figures": {"psnr": 21.5},
}


def tiny_model() -> Colorizer:
    """With spectral norm, attention and colors of its own."""
    torch.manual_seed(0)
    model = registry.create(
        "unet",
        encoder="mobilenetv3_small_050",
        encoder_weights="none",
        decoder_channels=(16, 12, 8, 8, 8),
        convs_per_block=1,
    )
    with torch.no_grad():
        model.head.weight.normal_(0, 0.5)
        for name, weight in model.named_parameters():
            if name.endswith("attention.gain"):
                weight.fill_(0.5)
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.safetensors"
    save_model(path, "unet", tiny_model(), RECORD)
    return path


@pytest.fixture(scope="module")
def exported(trained: Path) -> tuple[Path, list]:
    path = trained.with_name("model.onnx")
    return path, export_onnx(trained, path)


def test_onnx_gives_what_pytorch_gives_at_every_size(trained, exported, coffee: Image.Image):
    path, report = exported
    assert {(r.height, r.width) for r in report} >= {(64, 64), (224, 352), (101, 77)}
    assert max(r.largest for r in report) < 1e-4
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".onnx", ".safetensors"]
    ours, other = gan_color.load(trained), gan_color.load(path)
    L = torch.rand(3, 1, 70, 40) * 2 - 1
    expected = ours.model.predict_ab(L)
    assert expected.std() > 0.01  # it says something
    assert (other.model.predict_ab(L) - expected).abs().max() < 1e-4
    pair = [np.asarray(each.colorize(coffee, 64)).astype(int) for each in (ours, other)]
    assert np.abs(pair[0] - pair[1]).max() <= 1


def test_an_export_that_differs_is_refused_and_nothing_is_written(trained, tmp_path, monkeypatch):
    def wrong(_: OnnxColorizer, L: torch.Tensor, hints: None = None) -> torch.Tensor:
        return torch.ones(1, 2, *L.shape[-2:])

    monkeypatch.setattr(OnnxColorizer, "predict_ab", wrong)
    with pytest.raises(GanColorError, match="differs from PyTorch by"):
        export_onnx(trained, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_onnx_model_is_refused(tmp_path: Path, trained, monkeypatch):
    (tmp_path / "x.onnx").write_text("no model")
    for name, message in (("none.onnx", "found no file"), ("x.onnx", "not a readable ONNX file")):
        with pytest.raises(GanColorError, match=message):
            gan_color.load(tmp_path / name)
    with pytest.raises(GanColorError, match="expected cpu for an ONNX file"):
        gan_color.load(tmp_path / "x.onnx", device="cuda")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(GanColorError, match=r"pip install 'gan-color\[onnx\]'"):
        gan_color.load(tmp_path / "x.onnx")


def test_float16_halves_the_file_and_keeps_the_colors(trained: Path, tmp_path: Path):
    half = tmp_path / "half.safetensors"
    assert save_half(trained, half) < 1e-3
    assert half.stat().st_size < 0.6 * trained.stat().st_size
    assert read_header(half) == read_header(trained)
    L = torch.rand(1, 1, 64, 64) * 2 - 1
    difference = load_model(half).predict_ab(L) - load_model(trained).predict_ab(L)
    assert difference.abs().max() < 0.02
    save_half(trained, half, {"license": "of the weights", "hours": 2})
    merged = read_header(trained)["record"] | {"license": "of the weights", "hours": 2}
    assert read_header(half)["record"] == merged
    broken = tiny_model()
    with torch.no_grad():
        broken.head.weight.fill_(1e5)
    save_model(tmp_path / "broken.safetensors", "unet", broken, {})
    with pytest.raises(GanColorError, match=r"head\.weight .* beyond float16"):
        save_half(tmp_path / "broken.safetensors", half)


@pytest.mark.parametrize("found", [["people"], 3, None, "people\nand cats", "x" * 301])
def test_what_a_model_is_good_at_is_one_line_of_text(trained: Path, tmp_path: Path, found: object):
    half = tmp_path / "half.safetensors"
    for key in ("good_at", "bad_at"):
        with pytest.raises(GanColorError, match=rf"^{key}: found .*, expected text in one line"):
            save_half(trained, half, {key: found})
    assert not half.exists()
    save_model(half, "unet", tiny_model(), {"good_at": found})  # by other hands
    with pytest.raises(GanColorError, match=r"^good_at: found"):
        model_card(half)


def test_the_card_says_what_the_model_is_good_and_bad_at(trained: Path, tmp_path: Path):
    half = tmp_path / "half.safetensors"
    save_half(trained, half, {"good_at": " people ", "bad_at": "cars & <b>"})
    assert "- Good at: people.\n- Bad at: cars & <b>.\n" in model_card(half)
    assert "ood at: " not in model_card(trained)
    shipped = pretrained.verified(pretrained.DEFAULT)
    assert f"- Bad at: {pretrained.MODELS[pretrained.DEFAULT].bad_at}." in model_card(shipped)


def test_the_card_says_what_the_record_says_and_what_it_leaves_open(trained: Path, tmp_path: Path):
    card = model_card(trained, ["model.onnx: checked"])
    for text in ("CC BY 4.0", "1,234", "commons: 98", "psnr: 21.5", "| gan | adversarial | 24 |"):
        assert text in card
    assert card.endswith("- model.onnx: checked\n")
    save_model(tmp_path / "bare.safetensors", "unet", tiny_model(), {})
    assert "License of the data: not recorded" in model_card(tmp_path / "bare.safetensors")


def test_a_pipeline_takes_photos_of_every_kind(trained: Path, tmp_path: Path, coffee: Image.Image):
    pipeline = gan_color.load(trained)
    coffee.save(tmp_path / "x.png")
    truth = np.asarray(pipeline.colorize(coffee, render=64))
    data = (tmp_path / "x.png").read_bytes()
    for photo in (str(tmp_path / "x.png"), tmp_path / "x.png", data, np.asarray(coffee)):
        assert np.array_equal(np.asarray(pipeline.colorize(photo, render=64)), truth)
    deep = pipeline.colorize(np.asarray(coffee).astype(np.uint16) * 257, render=64)
    assert isinstance(deep, np.ndarray)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - truth).max() <= 1
    gray = pipeline.colorize(coffee, render=64, saturation=0.0)
    assert np.ptp(np.asarray(gray).astype(int), axis=2).max() == 0


def test_colorize_uses_the_shipped_model_whatever_was_loaded_before(
    trained: Path, coffee: Image.Image
):
    before = np.asarray(gan_color.colorize(coffee, render=64))
    loaded = np.asarray(gan_color.load(trained).colorize(coffee, render=64))
    assert not np.array_equal(loaded, before)
    assert np.array_equal(np.asarray(gan_color.colorize(coffee, render=64)), before)


def test_help_and_coloring_import_nothing_of_training(trained: Path, tmp_path: Path, coffee):
    """Both in one process: a fresh interpreter takes seconds to import torch."""
    coffee.resize((60, 40)).save(tmp_path / "x.jpg")
    code = (
        "import sys, gan_color; from gan_color.cli import main\n"
        "try: main(['colorize', '--help'])\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules\n"
        f"gan_color.load({str(trained)!r}).colorize({str(tmp_path / 'x.jpg')!r})\n"
        "print(*sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr
    heavy = {"fastai", "matplotlib", "albumentations", "pandas", "onnx", "skimage"}
    imported = heavy & set(found.stdout.split())
    assert not imported, imported


def test_the_header_travels_with_onnx(exported):
    import onnx

    properties = {p.key: p.value for p in onnx.load(str(exported[0])).metadata_props}
    header = json.loads(properties[onnx_model.HEADER_KEY])
    assert header["record"]["data_license"] == "CC BY 4.0"
    assert header["stride"] == 32
