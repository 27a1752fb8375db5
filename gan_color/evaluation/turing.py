"""A blind test as one page: which of two images is the real photograph?

As in Zhang et al. 2016, section 3.2: the viewer sees the real image beside a colorized one and
clicks one of them. Colorized images that are taken for real half of the time cannot be told apart.
The browser shuffles pairs and sides; the page needs no other file and sends nothing anywhere.
"""

import io
from pathlib import Path

from PIL import Image

from gan_color.atomic import write_text
from gan_color.errors import GanColorError
from gan_color.evaluation.html_report import data_url, render


def write_turing(
    path: Path, photos: list[dict[str, Image.Image]], models: list[str], truth: str
) -> None:
    """Write the blind test's page; GanColorError without an image or a model.

    Args:
        path: the page.
        photos: {name: image} with every model and the truth.
        models: names of the models.
        truth: name of the truth.
    """
    if not photos or not models:
        raise GanColorError("turing: found no images, expected at least one model and one image")
    sources = [
        {"truth": _encode(images[truth]), **{model: _encode(images[model]) for model in models}}
        for images in photos
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, render("turing.html", data={"models": models, "photos": sources}))


def _encode(image: Image.Image) -> str:
    """As PNG, because JPEG artifacts could give a side away."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return data_url(buffer.getvalue())
