"""What is no readable photo, as one error that says why."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from gan_color.errors import GanColorError
from gan_color.images.formats import FORMATS

# Larger photos are refused before they are decoded: 200 megapixels are 0.6 GB as RGB.
PIXEL_LIMIT = 200_000_000
Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT


class BadImageError(GanColorError):
    """A file that is not a readable photo; the message says why."""


class UnknownFormatError(BadImageError):
    """A file of none of the formats that are read."""

    def __init__(self) -> None:
        super().__init__(f"not an image in a known format ({', '.join(FORMATS)})")


# What says by itself what is wrong; other exceptions are named by their type too.
_PLAIN = (OSError, ValueError, SyntaxError, EOFError)


@contextmanager
def damage_as_bad_image(pixel_limit: int = PIXEL_LIMIT) -> Iterator[None]:
    """Around whatever decodes: on damaged files, Pillow's decoders raise almost anything, from
    struct.error and IndexError to AssertionError and ZeroDivisionError.

    `pixel_limit`: what is accepted, where it is less than what Pillow itself opens.
    """
    try:
        yield
    except GanColorError:
        raise
    except UnidentifiedImageError:
        raise UnknownFormatError from None
    except Image.DecompressionBombError:
        raise BadImageError(
            f"more than {PIXEL_LIMIT:,} pixels, at most {pixel_limit:,} are accepted"
        ) from None
    except MemoryError:
        raise BadImageError("it does not fit into memory") from None
    except Exception as error:
        said = " ".join(str(error).split())
        if isinstance(error, _PLAIN) and said:
            raise BadImageError(said) from None
        said = f"{type(error).__name__}: {said}".removesuffix(": ")
        raise BadImageError(f"damaged, or of a kind that cannot be decoded ({said})") from None


@contextmanager
def warnings_name(file: Path | str) -> Iterator[None]:
    """What the block warns of begins with the file's name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for each in caught:
        named = each.category(f"{file}: {each.message}")
        warnings.warn_explicit(named, each.category, each.filename, each.lineno)
