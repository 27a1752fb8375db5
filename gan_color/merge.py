"""Chroma of the render size onto the photo's full-size lightness, in strips.

Strips bound the memory: the float copies of a large photo never exist whole.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_color.lab import lab_to_rgb, rgb_to_lab, scale, unscale
from gan_color.pictures.picture import Pixels

STRIP_ROWS = 64  # few enough for a strip's copies to stay in the processor's cache


def merge(pixels: Pixels, ab: Tensor, strength: float, device: torch.device) -> Pixels:
    """sRGB pixels [H, W, 3] of `pixels`' lightness with chroma ab [2, h, w] (-1..1), same depth.

    `strength` blends with the photo's own chroma: 1 is all ab. What lies outside the gamut
    loses chroma, never lightness.
    """
    height, width = pixels.shape[:2]
    levels = float(np.iinfo(pixels.dtype).max)
    full = F.interpolate(ab[None].to(device), (height, width), mode="bicubic", align_corners=False)
    out = np.empty_like(pixels)
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        strip = torch.from_numpy(pixels[rows].astype(np.float32)).to(device)
        L, own = scale(rgb_to_lab(strip.permute(2, 0, 1)[None] / levels))
        chroma = full[:, :, rows].clamp(-1, 1)
        if strength < 1:
            chroma = own + strength * (chroma - own)
        rgb = lab_to_rgb(unscale(L, chroma), keep_lightness=True)
        out[rows] = (rgb[0].permute(1, 2, 0) * levels).round().cpu().numpy()
    return out
