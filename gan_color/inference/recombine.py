"""Chroma of the render size onto the photo's full-size lightness, in strips.

Strips bound the memory: the float copies of a large photo never exist whole.
"""

import numpy as np
import torch
from torch import Tensor

from gan_color.color.lab import denormalize, lab_to_rgb, lightness, normalize, rgb_to_lab
from gan_color.images.photo import Pixels
from gan_color.inference import interrupt
from gan_color.inference.guided_upsample import GuidedUpsampler

STRIP_ROWS = 32  # few enough for a strip's copies to stay in the processor's cache


def recombine(pixels: Pixels, coefficients: Tensor, saturation: float, strength: float) -> Pixels:
    """sRGB pixels [H, W, 3] with the lightness of `pixels` and new chroma, in the same depth.

    `coefficients` are those of gan_color.inference.guided_upsample; their device computes.
    `strength` blends with the photo's own chroma: 1 has none of it. What lies outside the gamut
    loses chroma, never lightness.
    """
    height, width = pixels.shape[:2]
    levels = float(np.iinfo(pixels.dtype).max)
    enlargement = GuidedUpsampler(coefficients, (height, width))
    out = np.empty_like(pixels)
    for top in range(0, height, STRIP_ROWS):
        interrupt.check()
        rows = slice(top, top + STRIP_ROWS)
        strip = torch.from_numpy(pixels[rows].transpose(2, 0, 1).astype(np.float32))
        rgb = strip[None].to(coefficients.device) / levels
        L = lightness(rgb)
        ab = (enlargement.rows(top, L) * saturation).clamp(-1, 1)
        if strength < 1:
            own = normalize(rgb_to_lab(rgb))[1]
            ab = own + strength * (ab - own)
        merged = lab_to_rgb(denormalize(L, ab), keep_lightness=True)
        out[rows] = (merged[0] * levels).round().permute(1, 2, 0).cpu().numpy()
    return out
