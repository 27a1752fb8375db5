"""Models to serve, and photos to send."""

import io
from pathlib import Path

import httpx
import numpy as np
import torch
from PIL import Image

from gan_color.color.ab_bins import BIN_COUNT, ab_bins
from gan_color.hub.model_file import load_model, save_model, save_palettes
from gan_color.models import registry
from gan_color.models.hints import PaletteBank
from gan_color.web.limits import Limits

LIMITS = Limits(upload_bytes=300_000, pixels=1_000_000)
SOFT = 20  # chroma (a*, b*) of palettes, which are inside of what sRGB shows at any lightness
TINY = {
    "encoder": "mobilenetv3_small_050",
    "encoder_weights": "none",
    "decoder_channels": [16, 12, 8, 8, 8],
}


def write_models(folder: Path) -> Path:
    """A model file, a damaged one, and a run folder with a model."""
    torch.manual_seed(0)
    for path in (folder / "plain.safetensors", folder / "run" / "model.safetensors"):
        model = registry.create("unet", **TINY)
        torch.nn.init.normal_(model.head.weight, std=0.3)  # an untrained head predicts gray
        save_model(path, "unet", model, {})
    (folder / "broken.safetensors").write_text("none")
    return folder


def write_hinted_model(path: Path) -> None:
    """A model file that takes hints."""
    torch.manual_seed(0)
    model = registry.create("unet", **TINY, hints=True)
    torch.nn.init.normal_(model.head.weight, std=0.3)
    for weight in model.hint_branches.parameters():  # as if they had been trained
        torch.nn.init.normal_(weight, std=0.1)
    save_model(path, "unet", model, {})


def write_model_with_palettes(path: Path) -> None:
    """One that has variants too: four palettes for each of three contents."""
    write_hinted_model(path)
    channels = load_model(path).content(torch.zeros(1, 1, 64, 64)).shape[1]
    generator = torch.Generator().manual_seed(0)
    contents = torch.randn(3, channels, generator=generator)
    shares = torch.rand(3, 4, BIN_COUNT, generator=generator) ** 40  # a few bins of each
    shares = shares * torch.exp(-ab_bins().norm(dim=1) / SOFT)
    bank = PaletteBank(contents, shares / shares.sum(dim=2, keepdim=True))
    save_palettes(path, path, bank, {})


def photo(size: tuple[int, int] = (60, 40), kind: str = "JPEG", **options: object) -> bytes:
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def post_photo(
    client: httpx.Client, data: bytes, name: str = "old.jpg", **fields: object
) -> httpx.Response:
    return client.post(
        "/api/colorize", files={"file": (name, data)}, data={k: str(v) for k, v in fields.items()}
    )
