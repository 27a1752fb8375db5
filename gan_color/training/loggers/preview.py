"""Preview sheets: one line per validation image."""

import torch
from PIL import Image
from torch import Tensor


def preview_sheet(rows: dict[str, Tensor]) -> Image.Image:
    """One line per image, the columns [N, 3, H, W] side by side."""
    lines = torch.cat(list(rows.values()), dim=3)  # [N, 3, H, columns x W]
    return Image.fromarray(lines.permute(0, 2, 3, 1).reshape(-1, lines.shape[3], 3).numpy())
