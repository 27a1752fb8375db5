"""Pages that need no other file: pictures are embedded, nothing is fetched."""

import base64
import html
import io
from typing import Any

from PIL import Image

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem;
       color: #1c1c1c; background: #fff; }
img { max-width: 100%; height: auto; } figure { margin: 1rem 0; } figcaption { color: #555; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: right;
        border-bottom: 1px solid #ddd; } tr > th:first-child, td.text { text-align: left; }
.wide { overflow-x: auto; } .pictures td, .pictures th { padding: 2px; text-align: center; }
.pictures img { width: 160px; max-width: none; display: block; }
small { display: block; color: #777; white-space: nowrap; }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: 13px; }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #161616; }
  pre { background: #222; } figcaption { color: #aaa; } td, th { border-color: #444; } }
"""


def data_url(data: bytes, kind: str) -> str:
    """An embedded picture's address; `kind` is png or jpeg."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def picture(data: bytes, kind: str, caption: str) -> str:
    """A figure with its caption; `kind` is png or jpeg."""
    text = html.escape(caption)
    return (
        f'<figure><img src="{data_url(data, kind)}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def table(values: dict[str, Any]) -> str:
    """Two columns: names and values."""
    rows = "".join(
        f'<tr><th>{html.escape(name)}</th><td class="text">{html.escape(str(value))}</td></tr>'
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"


def _cell(text: str) -> str:
    """A cell; an interval in brackets goes below its figure, in small print."""
    figure, bracket, interval = html.escape(text).partition(" [")
    small = f"<small>[{interval}</small>" if bracket else ""
    return f"<td>{figure}{small}</td>"


def grid(header: list[str], rows: list[list[str]]) -> str:
    """A table with a header line; the first cell of a row is its name."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr><th>{html.escape(row[0])}</th>" + "".join(_cell(cell) for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def page(title: str, parts: list[str]) -> str:
    """The whole document."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>{''.join(parts)}</html>"
    )


def png(figure: Any) -> bytes:
    """A matplotlib Figure as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def jpeg(image: Image.Image) -> bytes:
    """A picture as JPEG, chroma at full size."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()
