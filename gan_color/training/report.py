"""report.html: what a run did, on one page that needs no other file."""

import base64
import html
import io
import itertools
import json
from pathlib import Path
from typing import Any

from gan_color.training.checkpoint import write_text
from gan_color.training.tracking import CsvLog

CURVES = (
    ("loss", ("pixel", "perceptual", "colorfulness_loss", "adversarial", "feature_matching")),
    ("discriminators", ("discriminator", "accuracy_0", "accuracy_1", "accuracy_2")),
    ("PSNR (dB), validation", ("psnr",)),
    ("colourfulness, validation", ("colorfulness", "colorfulness_truth")),
    ("learning rate", ("lr",)),
)

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem;
       color: #1c1c1c; background: #fff; }
img { max-width: 100%; height: auto; } figure { margin: 1rem 0; } figcaption { color: #555; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: right;
        border-bottom: 1px solid #ddd; } th { text-align: left; }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: 13px; }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #161616; }
  pre { background: #222; } figcaption { color: #aaa; } td, th { border-color: #444; } }
"""


def _picture(data: bytes, kind: str, caption: str) -> str:
    encoded = base64.b64encode(data).decode()
    text = html.escape(caption)
    return (
        f'<figure><img src="data:image/{kind};base64,{encoded}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _series(rows: list[dict[str, str]], name: str) -> tuple[list[float], list[float]]:
    points = [(float(r["total_images"]), float(r[name])) for r in rows if r.get(name)]
    return [x for x, _ in points], [y for _, y in points]


def draw_curves(rows: list[dict[str, str]]) -> bytes:
    """The curves of log.csv as one PNG; stage boundaries are dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.3 * len(CURVES)), layout="constrained")
    boundaries = [
        float(b["total_images"]) for a, b in itertools.pairwise(rows) if a["stage"] != b["stage"]
    ]
    for i, (title, names) in enumerate(CURVES):
        axes = figure.add_subplot(len(CURVES), 1, i + 1)
        for name in names:
            x, y = _series(rows, name)
            if x:
                axes.plot(x, y, label=name, linewidth=1)
        for boundary in boundaries:
            axes.axvline(boundary, color="grey", linestyle="--", linewidth=0.6)
        axes.set_title(title, fontsize=10)
        if axes.has_data() and axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    axes.set_xlabel("images")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _table(values: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"


def write_report(folder: Path, pictures: dict[str, Path] | None = None) -> Path:
    """Write a run's report.html from its files; `pictures` {caption: JPEG or PNG} come first."""
    rows = CsvLog(folder / "log.csv").rows()
    parts = [f"<h1>{html.escape(folder.name)}</h1>"]
    for caption, path in (pictures or {}).items():
        kind = "png" if path.suffix.lower() == ".png" else "jpeg"
        parts.append(_picture(path.read_bytes(), kind, caption))
    judged = [row for row in rows if row.get("psnr")]
    if judged:
        names = ("stage", "total_images", "psnr", "colorfulness", "colorfulness_truth")
        parts += ["<h2>Last judgement</h2>", _table({n: judged[-1][n] for n in names})]
    previews = sorted((folder / "previews").glob("*.jpg"))
    if previews:
        caption = f"grey | coloured (EMA) | true: {previews[-1].stem}"
        parts += ["<h2>Preview</h2>", _picture(previews[-1].read_bytes(), "jpeg", caption)]
    if rows:
        parts += ["<h2>Curves</h2>", _picture(draw_curves(rows), "png", "log.csv")]
    data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    shown = {k: v for k, v in data.items() if k not in ("bad", "sources", "classes")}
    parts += ["<h2>Data</h2>", _table({**shown, "unreadable": len(data["bad"])})]
    config = html.escape((folder / "config.yml").read_text(encoding="utf-8"))
    parts += ["<h2>Configuration</h2>", f"<pre>{config}</pre>"]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(folder.name)}</title><style>{STYLE}</style>{''.join(parts)}</html>"
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def draw_lr_find(rates: list[float], losses: list[float], suggestion: float) -> bytes:
    """Loss over learning rate as a PNG, the suggestion marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(rates, losses)
    axes.axvline(suggestion, color="tab:red", linestyle="--", label=f"suggested {suggestion:.1e}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("smoothed loss")
    axes.legend()
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
