"""How a photograph becomes what is measured. Numbers compare only within one protocol.

==================  ==============================================================================
imagenet5k-crop     center square, resized to 256 x 256 (CT2's and DDColor's val5k)
stretch256          resized to 256 x 256 whatever its shape (val50k, COCO-Stuff, ADE20K in DDColor)
native              the photograph as it is, colorized by the pipeline that people use
==================  ==============================================================================

Resizing is Pillow's bicubic filter, antialiased; an image that has its size already is untouched.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from PIL import Image
from torch import Tensor

from gan_color.color.gray import is_gray
from gan_color.errors import GanColorError
from gan_color.images.open import BadImageError, open_image, to_srgb
from gan_color.images.resize import bicubic_square, to_tensor

NAMES = ("imagenet5k-crop", "stretch256", "native")
SIZE = 256
SMALLEST = 32  # pixels on a side, which every metric network can take
RESIZE = f"Pillow {PIL.__version__} bicubic, antialiased"


class GrayPhotoError(BadImageError):
    """A gray photograph, which says nothing about a colorizer: the all-gray answer is right."""

    def __init__(self) -> None:
        super().__init__("a gray photograph")


@dataclass(frozen=True)
class EvalProtocol:
    """One of NAMES; `size` is the side of the images, 256 but in tests. `keep_gray` measures gray
    photographs too (gan_color.color.gray).
    """

    name: str = "imagenet5k-crop"
    size: int = SIZE
    keep_gray: bool = False

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise GanColorError(
                f"--protocol: found {self.name!r}, expected one of {', '.join(NAMES)}"
            )

    @property
    def fixed(self) -> bool:
        """True where every image has the same size, so that they form batches."""
        return self.name != "native"

    def read(self, path: Path) -> Tensor:
        """A file as uint8 sRGB [3, H, W]; raises BadImageError, GrayPhotoError for a gray one."""
        image = to_srgb(open_image(path))
        if not self.keep_gray and is_gray(np.asarray(image)):
            raise GrayPhotoError
        if self.name == "imagenet5k-crop":
            return to_tensor(bicubic_square(image, self.size))
        if min(image.size) < SMALLEST and not self.fixed:
            raise BadImageError(
                f"{image.width} x {image.height} pixels, at least {SMALLEST} a side are needed"
            )
        if self.fixed and image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), Image.Resampling.BICUBIC)
        return to_tensor(image)
