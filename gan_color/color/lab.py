"""sRGB and CIE Lab (D65) on tensors: the home of every unit and range in this project.

=====  =====================  ==========================================================
name   shape                  range
=====  =====================  ==========================================================
rgb    [B, 3, H, W]           sRGB, 0..1
lab    [B, 3, H, W]           L* 0..100, a* -86.19..98.24, b* -107.86..94.49 (all of sRGB)
L      [B, 1, H, W]           L* / 50 - 1, so -1..1
ab     [B, 2, H, W]           a* / 110 and b* / 110, so -1..1
=====  =====================  ==========================================================

The constants are scikit-image's (IEC 61966-2-1 primaries, CIE 1931 2-degree D65 white), so
results agree with `skimage.color.rgb2lab` to 1e-4. Arithmetic is float32 at least, whatever
autocast says: in bfloat16 Lab would be wrong by up to 0.2. Everything is elementwise, which
also keeps TF32 matrix units away from it.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from gan_color.errors import GanColorError

AB_SCALE = 110.0  # every sRGB color has |a*|, |b*| < 110, so ab stays inside (-1, 1)

# Linear sRGB -> XYZ, and its inverse: the digits of skimage.color.
XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
RGB_FROM_XYZ = (
    (3.240481342932377, -1.5371515162713185, -0.4985363261688878),
    (-0.9692549499965685, 1.8759900014898907, 0.0415559265582928),
    (0.05564663913517715, -0.20404133836651123, 1.0573110696453443),
)
WHITE_X, WHITE_Z = 0.95047, 1.08883  # D65, 2-degree observer; Y is 1

# CIE 1976 L*a*b*: cube root above EPSILON, a straight line below it.
EPSILON = 0.008856
SLOPE = 7.787
OFFSET = 16.0 / 116.0

# Where line and power meet: in the cube that undoes the root (the root and its cube), and in sRGB's
# curve (encoded and linear). The standards' rounded constants meet beside the bounds they name
# (0.2068966, 0.04045 and 0.0031308); between those and these, values differ by less than 5e-8.
ROOT_BOUND, CUBE_BOUND = 0.2066364781, 0.0088230954
SRGB_BOUND, LINEAR_BOUND = 0.0404482363, 0.00313066844


def _check_color(x: Tensor, name: str) -> Tensor:
    if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
        raise GanColorError(
            f"{name}: found {tuple(x.shape)} {x.dtype}, expected a floating-point [B, 3, H, W]"
        )
    return x if x.dtype == torch.float64 else x.float()


def _full_precision(x: Tensor) -> AbstractContextManager[object]:
    # The meta device, which counts what a model costs, knows no autocast.
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def _cube_root_or_line(t: Tensor) -> Tensor:
    # The clamp keeps the gradient of the branch not taken finite (x ** (1/3) has none at 0).
    return torch.where(t > EPSILON, t.clamp(min=EPSILON).pow(1.0 / 3.0), SLOPE * t + OFFSET)


# The other curves are sums of both branches at a clamped argument, less the value where they meet:
# on a CPU a mask costs several times what the branches do.


def _cube_or_line(t: Tensor) -> Tensor:
    cube = t.clamp(min=ROOT_BOUND).pow(3)
    return (t.clamp(max=ROOT_BOUND) - OFFSET) / SLOPE + (cube - CUBE_BOUND)


def _decode_srgb(rgb: Tensor) -> Tensor:
    power = ((rgb.clamp(min=SRGB_BOUND) + 0.055) / 1.055).pow(2.4)
    return rgb.clamp(max=SRGB_BOUND) / 12.92 + (power - LINEAR_BOUND)


def _encode_srgb(linear: Tensor) -> Tensor:
    power = 1.055 * linear.clamp(min=LINEAR_BOUND).pow(1.0 / 2.4) - 0.055
    return 12.92 * linear.clamp(max=LINEAR_BOUND) + (power - SRGB_BOUND)


def lightness(rgb: Tensor) -> Tensor:
    """L [B, 1, H, W] in -1..1 of sRGB [B, 3, H, W] in 0..1: scale(rgb_to_lab(rgb))[0], for less."""
    rgb = _check_color(rgb, "lightness")
    with _full_precision(rgb):
        r, g, b = _decode_srgb(rgb).unbind(1)
        row = XYZ_FROM_RGB[1]
        y = row[0] * r + row[1] * g + row[2] * b
        return (116.0 * _cube_root_or_line(y) - 16.0).unsqueeze(1) / 50.0 - 1.0


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB [B, 3, H, W] in 0..1 to Lab [B, 3, H, W] (L* 0..100; a*, b* unscaled).

    Differentiable with finite gradients everywhere, black and white included.
    Raises GanColorError for anything but a floating-point [B, 3, H, W] tensor.
    """
    rgb = _check_color(rgb, "rgb_to_lab")
    with _full_precision(rgb):
        r, g, b = _decode_srgb(rgb).unbind(1)
        x, y, z = (row[0] * r + row[1] * g + row[2] * b for row in XYZ_FROM_RGB)
        fx = _cube_root_or_line(x / WHITE_X)
        fy = _cube_root_or_line(y)
        fz = _cube_root_or_line(z / WHITE_Z)
        return torch.stack((116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)), dim=1)


def lab_to_rgb(lab: Tensor, *, keep_lightness: bool = False) -> Tensor:
    """Convert Lab [B, 3, H, W] (L* 0..100; a*, b* unscaled) to sRGB [B, 3, H, W] in 0..1.

    Colors outside the sRGB gamut are clipped per channel and get no gradient there; with
    `keep_lightness` they are mixed with the gray of their lightness instead, until they fit.
    a* = b* = 0 gives three exactly equal channels.
    Raises GanColorError for anything but a floating-point [B, 3, H, W] tensor.
    """
    lab = _check_color(lab, "lab_to_rgb")
    with _full_precision(lab):
        lightness, a, b = lab.unbind(1)
        fy = (lightness + 16.0) / 116.0
        fx = a / 500.0 + fy
        fz = (fy - b / 200.0).clamp(min=0.0)  # scikit-image does the same
        y = _cube_or_line(fy)
        # XYZ as "the gray of this lightness, plus a difference that is 0 when a* = b* = 0".
        # The matrix sends D65 to 1 only to 7e-5; where there is no chroma that factor is taken
        # as 1, so that gray keeps r = g = b to the last bit.
        dx = WHITE_X * (_cube_or_line(fx) - y)
        dz = WHITE_Z * (_cube_or_line(fz) - y)
        is_gray = (a == 0) & (b == 0)
        channels = []
        for row in RGB_FROM_XYZ:
            white = row[0] * WHITE_X + row[1] + row[2] * WHITE_Z
            gray = torch.where(is_gray, y, white * y)
            channels.append(gray + row[0] * dx + row[2] * dz)
        linear = torch.stack(channels, dim=1)
        if keep_lightness:
            linear = _mix_with_gray(linear, y.unsqueeze(1))
        return _encode_srgb(linear).clamp(0.0, 1.0)


def _mix_with_gray(linear: Tensor, luminance: Tensor) -> Tensor:
    """Linear sRGB [B, 3, H, W] moved to the gray of its luminance [B, 1, H, W] into 0..1.

    Light adds up: any mixture of a colorize with a gray of its luminance has that luminance too.
    """
    difference = linear - luminance
    r, g, b = difference.split(1, dim=1)
    up = torch.maximum(torch.maximum(r, g), b).clamp(min=1e-9)
    down = torch.minimum(torch.minimum(r, g), b).clamp(max=-1e-9)
    # How much of the difference fits below 1, and how much above 0.
    share = torch.minimum((1.0 - luminance) / up, luminance / -down).clamp(0.0, 1.0)
    return luminance + share * difference


def normalize(lab: Tensor) -> tuple[Tensor, Tensor]:
    """Split Lab [B, 3, H, W] into L [B, 1, H, W] and ab [B, 2, H, W], both in -1..1."""
    return lab[:, :1] / 50.0 - 1.0, lab[:, 1:] / AB_SCALE


def denormalize(L: Tensor, ab: Tensor) -> Tensor:
    """Join L [B, 1, H, W] and ab [B, 2, H, W], both in -1..1, to Lab [B, 3, H, W]."""
    return torch.cat(((L.float() + 1.0) * 50.0, ab.float() * AB_SCALE), dim=1)


def gray_value(L: Tensor) -> Tensor:
    """The gray sRGB value 0..1 that has lightness L: [B, 1, H, W] in -1..1 -> [B, 1, H, W].

    What a gray photograph stores, for networks that were trained on such values.
    """
    rgb = lab_to_rgb(denormalize(L, torch.zeros_like(L).expand(-1, 2, -1, -1)))
    return rgb[:, :1]


def to_float(rgb: Tensor) -> Tensor:
    """uint8 sRGB 0..255 to float32 sRGB 0..1, any shape."""
    return rgb.float() / 255.0


def float_to_rgb8(rgb: Tensor) -> Tensor:
    """Float sRGB 0..1 to uint8 sRGB 0..255, rounded to nearest, any shape."""
    return (rgb * 255.0).round().clamp(0, 255).to(torch.uint8)


def from_rgb8(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """L [B, 1, H, W] and ab [B, 2, H, W], both in -1..1, of uint8 sRGB [B, 3, H, W]."""
    return normalize(rgb_to_lab(to_float(rgb)))


def to_rgb8(L: Tensor, ab: Tensor) -> Tensor:
    """uint8 sRGB [B, 3, H, W] of L [B, 1, H, W] and ab [B, 2, H, W] (both -1..1)."""
    return float_to_rgb8(to_rgb(L, ab))


def to_rgb(L: Tensor, ab: Tensor) -> Tensor:
    """sRGB [B, 3, H, W] in 0..1 of L [B, 1, H, W] and ab [B, 2, H, W] (both -1..1)."""
    return lab_to_rgb(denormalize(L, ab))
