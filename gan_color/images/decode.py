"""Read a photo from a file, from bytes, from Pillow or numpy: upright sRGB, 8 or 16 bit."""

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from gan_color.images import metadata
from gan_color.images.open import (
    BadImageError,
    convert_profile,
    damage_as_bad_image,
    open_image,
    split_alpha,
)
from gan_color.images.photo import Photo, Pixels

# What turns stored rows into upright ones, by EXIF orientation: (transpose, flip rows, columns).
_UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
WHITE_IS_ZERO = 0  # TIFF 6.0, tag PhotometricInterpretation
REDUCED_PAGE = 1  # TIFF 6.0, bit of NewSubfileType: a smaller copy of another page


def read(
    source: "Path | str | bytes | Image.Image | NDArray[np.generic]",
    pixel_limit: int | None = None,
) -> Photo:
    """Read one photo; BadImageError says in a sentence why it cannot be.

    A path, a file's bytes, a PIL image, or pixels [H, W], [H, W, 3] or [H, W, 4] as uint8 or
    uint16 sRGB. `pixel_limit`: see gan_color.images.open.open_image.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    with damage_as_bad_image():
        if isinstance(source, Image.Image):
            return _from_image(source, _deep(source, None))
        stream = io.BytesIO(source) if isinstance(source, bytes) else Path(source)
        return _from_file(stream, pixel_limit)


def _from_file(stream: Path | io.BytesIO, pixel_limit: int | None) -> Photo:
    image = open_image(stream, pixel_limit, decode=False)
    _refuse_animation(image)
    deep = _is_deep(image)
    image.load()  # where a file is cut short, Pillow says so
    if not deep:
        return _from_image(image, None)
    data = stream.getvalue() if isinstance(stream, io.BytesIO) else stream.read_bytes()
    return _from_image(image, _deep(image, data))


def _refuse_animation(image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames == 1 or image.format in ("MPO", "HEIF", "AVIF", "ICO", "PSD"):
        return  # MPO and HEIF: the photo itself comes first
    if image.format == "TIFF":
        pages = 0
        for page in range(frames):
            image.seek(page)
            kind = image.tag_v2.get(ExifTags.Base.NewSubfileType, 0)  # type: ignore[attr-defined]
            pages += not kind & REDUCED_PAGE
        image.seek(0)
        if pages <= 1:
            return
        raise BadImageError(f"{pages} pages, expected one: split the file first")
    raise BadImageError(
        f"an animation of {frames} frames, expected one photo: extract its frames, or make it "
        "a video for `gan-color video`"
    )


def _is_deep(image: Image.Image) -> bool:
    """Whether the file has 16 bits a channel, of which Pillow would decode 8."""
    modes = [image.mode, *(str(tile[3]) for tile in getattr(image, "tile", []))]
    return any(";16" in mode for mode in modes)


def _deep(image: Image.Image, data: bytes | None) -> NDArray[np.uint16] | None:
    """Stored 16-bit pixels [H, W, 1 to 4] as R, G, B, A; None where the photo has 8 bits."""
    if data is None:
        if not image.mode.startswith("I;16"):
            return None
        values = np.asarray(image)[..., None]
    else:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if decoded is None or decoded.dtype != np.uint16:
            raise BadImageError(f"{image.format} of 16 bits in an encoding that cannot be read")
        values = decoded.reshape(*decoded.shape[:2], -1)
        if values.shape[2] >= 3:
            values = values[..., [2, 1, 0, 3][: values.shape[2]]]
    deep = values.astype(np.uint16)
    tags = getattr(image, "tag_v2", {})
    if tags.get(ExifTags.Base.PhotometricInterpretation) == WHITE_IS_ZERO:
        deep[..., :1] = 65535 - deep[..., :1]
    return deep


def _from_image(image: Image.Image, deep: NDArray[np.uint16] | None) -> Photo:
    if deep is None and image.mode in ("I", "F"):
        raise BadImageError("32 bits a pixel, expected 8 or 16: convert it first")
    profile = image.info.get("icc_profile")
    pixels: Pixels
    alpha: Pixels | None = None
    if deep is None:
        color, transparency = split_alpha(image)
        pixels = np.asarray(convert_profile(color, profile))
        alpha = None if transparency is None else np.asarray(transparency)
    else:
        if deep.shape[2] in (2, 4):
            alpha, deep = deep[..., -1], deep[..., :-1]
        elif "transparency" in image.info:
            alpha = np.asarray(split_alpha(image)[1]).astype(np.uint16) * 257
        pixels = _deep_srgb(deep, profile)
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    pixels = _upright(pixels, orientation)
    alpha = None if alpha is None else _upright(alpha, orientation)
    size = (pixels.shape[1], pixels.shape[0])
    return Photo(pixels, alpha, image.format or "", metadata.of(image, size))


def _upright(values: Pixels, orientation: int) -> Pixels:
    transpose, rows, columns = _UPRIGHT.get(orientation, (False, False, False))
    if transpose:
        values = values.swapaxes(0, 1)
    turned: Pixels = np.ascontiguousarray(values[:: -1 if rows else 1, :: -1 if columns else 1])
    return turned


def _deep_srgb(values: NDArray[np.uint16], profile: bytes | None) -> NDArray[np.uint16]:
    """[H, W, 3] sRGB of 16-bit gray or RGB; Pillow's color management knows 8 bits only."""
    from PIL import ImageCms

    kind = {1: "GRAY", 3: "RGB"}[values.shape[2]]
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        except (ImageCms.PyCMSError, OSError) as error:
            raise BadImageError(f"unreadable color profile ({error})") from None
        described = ImageCms.getProfileDescription(source)
        if source.profile.xcolor_space.strip() == kind and "sRGB" not in described:
            try:
                import imagecodecs
            except ImportError:
                raise BadImageError(
                    f"16 bits in the color profile {described.strip()!r}, which needs "
                    "imagecodecs: pip install 'gan-color[icc]'"
                ) from None
            values = imagecodecs.cms_transform(
                values if kind == "RGB" else values[..., 0],
                profile,
                imagecodecs.cms_profile("srgb"),
                colorspace=kind.lower(),
                outcolorspace="rgb",
                flags=imagecodecs.CMS.FLAGS.NOOPTIMIZE,  # else dark tones are off by hundreds
            )
    if values.shape[2:] != (3,):
        values = np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2)
    return values


def _from_array(values: NDArray[np.generic]) -> Photo:
    shape, channels = values.shape, values.shape[2] if values.ndim == 3 else 1
    if values.dtype not in (np.uint8, np.uint16) or values.ndim not in (2, 3) or 0 in shape:
        raise BadImageError(
            f"an array {shape} of {values.dtype}, expected [H, W], [H, W, 3] or [H, W, 4] of "
            "uint8 or uint16"
        )
    if channels not in (1, 3, 4):
        raise BadImageError(f"an array {shape}, expected 1, 3 or 4 channels")
    color = values.reshape(*shape[:2], channels)
    alpha = color[..., 3] if channels == 4 else None
    pixels = np.repeat(color, 3, axis=2) if channels == 1 else color[..., :3]
    return Photo(np.ascontiguousarray(pixels), alpha)  # type: ignore[arg-type]
