"""Photos to try, taken from installed packages and served in gray, as old ones are."""

import io
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from gan_color.data import samples

MAX_SIDE = 900


@cache
def names() -> dict[str, Path]:
    """The example photos by name. Packages are located, not imported: importing takes seconds."""
    scikit_image, scikit_learn = _folder("skimage") / "data", _folder("sklearn") / "datasets/images"
    paths = [
        scikit_image / name for name in (samples.HELD_OUT, "camera.png", *samples.SCIKIT_IMAGE)
    ]
    paths += [scikit_learn / name for name in samples.SCIKIT_LEARN]
    paths += [_folder("matplotlib") / "mpl-data/sample_data" / name for name in samples.MATPLOTLIB]
    return {path.stem: path for path in paths if path.exists()}


def _folder(package: str) -> Path:
    found = find_spec(package)
    return Path(found.origin).parent if found and found.origin else Path("missing")


@cache
def gray(name: str) -> bytes:
    """An example as a gray JPEG, at most MAX_SIDE pixels; KeyError for an unknown name."""
    with Image.open(names()[name]) as image:
        small = image.convert("L")
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
