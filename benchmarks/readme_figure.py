"""README's first image: `python -m benchmarks readme-figure`."""

from PIL import Image

from gan_color.cli.demo import example_sheets
from gan_color.inference.chroma_model import ChromaModel


def first_look(model: ChromaModel, width: int = 1000) -> Image.Image:
    """The example sheets one below the other: README's first photo."""
    sheets = [
        sheet.resize((width, round(sheet.height * width / sheet.width)), Image.Resampling.LANCZOS)
        for sheet in example_sheets(model).values()
    ]
    photo = Image.new("RGB", (width, sum(sheet.height for sheet in sheets)))
    top = 0
    for sheet in sheets:
        photo.paste(sheet, (0, top))
        top += sheet.height
    return photo
