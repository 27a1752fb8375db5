"""Color profiles, by what they do and not by their names."""

import io
import warnings
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}  # ICC's names, and Pillow's modes
STEP, CLOSE = 17, 2  # of 255: where a profile is tried, and what counts as nothing
DAMAGED = "the color profile is damaged: sRGB is taken instead"


def usable(profile: bytes | None, mode: str) -> bool:
    """Whether a profile is to be converted from: it reads, is of this kind of pixel (a profile of
    another kind says nothing about this one), and does something. Warns of a damaged one.
    """
    if not profile or mode not in SPACES.values():
        return False
    changes = _changes(profile, mode)
    if changes is None:
        warnings.warn(DAMAGED, stacklevel=2)
    return bool(changes)


@lru_cache(maxsize=16)
def _changes(profile: bytes, mode: str) -> bool | None:
    """Whether colors come out otherwise than sRGB's; None for a profile that does not work."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if SPACES.get(source.profile.xcolor_space.strip()) != mode:
            return False
        if mode == "CMYK":
            through(Image.new("CMYK", (1, 1)), source)
            return True
        steps = np.arange(0, 256, STEP, dtype=np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
        image = Image.fromarray(grid if mode == "RGB" else steps[None])
        before = np.asarray(image.convert("RGB")).astype(int)
        after = np.asarray(through(image, source)).astype(int)
        return bool(np.abs(after - before).max() > CLOSE)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def through(
    image: Image.Image, profile: ImageCms.core.CmsProfile | ImageCms.ImageCmsProfile
) -> Image.Image:
    """An image in sRGB, from a profile of its kind."""
    converted = ImageCms.profileToProfile(
        image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted
