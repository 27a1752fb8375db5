"""Self-contained HTML pages from `templates/`: images are embedded, nothing is fetched."""

import base64
import io
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image


def render(template: str, **values: Any) -> str:
    """A page from a file in `templates/`; every value is escaped."""
    return _environment.get_template(template).render(values)


def data_url(data: bytes) -> str:
    """The bytes of a PNG or a JPEG as an address that embeds them."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def png(figure: Any) -> bytes:
    """A matplotlib Figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def jpeg(image: Image.Image) -> bytes:
    """An image as JPEG, chroma at full size."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()


_environment = Environment(
    loader=PackageLoader("gan_color.evaluation"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"data_url": data_url, "jpeg": jpeg}
