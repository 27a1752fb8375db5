"""Photos to try, taken from installed packages and served in gray, as old ones are."""

import io
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from PIL import Image

from gan_color.data import samples
from gan_color.images.encode import encode
from gan_color.inference.pipeline import DEFAULTS, colorize_photo
from gan_color.web.colorize import read_photo
from gan_color.web.limits import Limits
from gan_color.web.model_cache import ModelCache, Version

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


class ColorizedExamples:
    """What the first model makes of the examples: each once, when it is first asked for."""

    def __init__(self, cache: ModelCache) -> None:
        self.cache = cache
        self._done: dict[tuple[Version, str], bytes] = {}
        self._working = Lock()

    def jpeg(self, name: str) -> bytes:
        """An example as a colorized JPEG; KeyError for an unknown name, GanColorError without a
        model.
        """
        file = self.cache.find(None)
        with self._working:
            key = (file.version, name)
            if key not in self._done:
                model, note = self.cache.load(file)
                photo = colorize_photo(model, read_photo(gray(name), Limits()), DEFAULTS)
                self._done[key] = encode(photo, "JPEG", note=note)
            return self._done[key]
