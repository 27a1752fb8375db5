"""Sheets of images: of what is validated, and of what a stage is about to train on."""

import torch
from PIL import Image
from torch import Tensor

from gan_color.color.lab import from_rgb8, to_rgb8
from gan_color.config.schema import Config
from gan_color.data.dataset import CropDataset
from gan_color.data.loaders import KeySampler, draw_probabilities
from gan_color.data.prepare import Data
from gan_color.data.simulated_hints import simulate_hints
from gan_color.training.builders import plan_epochs


def preview_sheet(rows: dict[str, Tensor]) -> Image.Image:
    """One line per image, the columns [N, 3, H, W] side by side."""
    lines = torch.cat(list(rows.values()), dim=3)  # [N, 3, H, columns x W]
    return Image.fromarray(lines.permute(0, 2, 3, 1).reshape(-1, lines.shape[3], 3).numpy())


def first_batch(config: Config, data: Data, index: int, most: int) -> dict[str, Tensor]:
    """What the stage `index` of the schedule trains on first, at most so many images of it.

    Columns for `preview_sheet`: L as the generator sees it (aged where the stage ages it), the same
    with hints like those that the stage gives, if it does, and the crop that it should give.
    """
    stage = config.schedule[index].stage
    _, batches = plan_epochs(stage, config.run.epoch_images)
    probabilities = draw_probabilities(data.train, config.data, data.folders)
    seed = (config.run.seed, index)
    keys = next(iter(KeySampler(probabilities, batches, stage.images_per_batch, seed)))
    crops = CropDataset(data.train, stage.size, stage.augment or config.data.augment)
    items = [crops[key] for key in keys[:most]]
    truth = torch.stack([item[0] for item in items])
    L, ab = from_rgb8(torch.stack([item[-1] if len(item) == 3 else item[0] for item in items]))
    columns = {"input": to_rgb8(L, torch.zeros_like(ab))}
    wanted = getattr(stage, "hints", None)
    if wanted is not None:
        noise = torch.Generator().manual_seed(config.run.seed)
        hints = simulate_hints(from_rgb8(truth)[1], wanted, noise)
        columns["hints"] = to_rgb8(L, hints.ab * hints.mask)
    return {**columns, "truth": truth}
