"""report.html: counts, contact sheets per verdict with scores, licences, sizes, colours.

One file that fetches nothing. The eye must be able to overrule: every verdict shows pictures.
"""

import base64
import html
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from scrapers.checks.color import shrink
from scrapers.checks.inspect_image import Examined
from scrapers.errors import BadPictureError
from scrapers.files import write_text
from scrapers.images import decode, identify, to_rgb
from scrapers.manifest import Row

SHEET = 48  # pictures of one verdict at most: the surest and the least sure
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem;
       color: #1c1c1c; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .2rem .8rem;
        text-align: left; border-bottom: 1px solid #ddd; } td.n { text-align: right; }
.bar { background: #4a7fb5; height: .8rem; display: inline-block; }
.sheet { display: flex; flex-wrap: wrap; gap: .6rem; } figure { margin: 0; width: 128px; }
figure img { max-width: 128px; max-height: 128px; } figcaption { font-size: 11px; color: #555;
             overflow-wrap: anywhere; line-height: 1.3; }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #161616; }
  figcaption { color: #aaa; } td, th { border-color: #444; } }
"""


def write(folder: Path, rows: list[Row], examined: list[Examined]) -> None:
    """Write the report of a folder whose files still lie where the rows say."""
    verdicts = Counter(row.verdict.partition(":")[0] for row in rows)
    parts = [f"<h1>{html.escape(folder.resolve().name)}</h1><p>{len(rows):,} pictures.</p>"]
    parts.append(_table("verdict", verdicts.most_common()))
    licences = Counter(f"{r.licence or 'unstated'} {r.licence_url}".strip() for r in rows)
    parts += ["<h2>Licences</h2>", _table("licence", licences.most_common())]
    kept = [found for found in examined if found.verdict == "keep"]
    parts += ["<h2>Shorter side of what is kept, pixels</h2>"]
    sides = [min(found.width, found.height) for found in kept]
    parts.append(_histogram(sides, [0, 128, 256, 384, 512, 768, 1024, 2048, 4096]))
    parts += ["<h2>Mean chroma of what is kept (Lab C*)</h2>"]
    parts.append(_histogram([found.chroma for found in kept], [0, 5, 10, 15, 20, 30, 40, 60, 140]))
    for verdict, count in sorted(verdicts.items(), key=lambda pair: pair[0] == "keep"):
        chosen = _ends([row for row in rows if row.verdict.partition(":")[0] == verdict])
        parts.append(f"<h2>{html.escape(verdict)}: {count:,}</h2>")
        if len(chosen) < count:
            parts.append(f"<p>{len(chosen)} of them: lowest and highest scores.</p>")
        parts.append(f'<div class="sheet">{"".join(_figure(folder, row) for row in chosen)}</div>')
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Report</title><style>{STYLE}</style>{''.join(parts)}</html>"
    )
    write_text(folder / "report.html", page)


def _table(name: str, rows: Iterable[tuple[str, int]]) -> str:
    lines = "".join(
        f'<tr><td>{html.escape(label)}</td><td class="n">{count:,}</td></tr>'
        for label, count in rows
    )
    return f"<table><tr><th>{name}</th><th>pictures</th></tr>{lines}</table>"


def _histogram(values: list[float] | list[int], edges: list[int]) -> str:
    counts, _ = np.histogram(values, edges)
    most = max(1, int(counts.max(initial=0)))
    lines = "".join(
        f'<tr><td>{low} to {high}</td><td class="n">{count:,}</td>'
        f'<td><span class="bar" style="width:{300 * count / most:.0f}px"></span></td></tr>'
        for low, high, count in zip(edges, edges[1:], counts.tolist(), strict=False)
    )
    return f"<table>{lines}</table>"


def _ends(rows: list[Row]) -> list[Row]:
    ranked = sorted(rows, key=lambda row: row.score)
    return ranked if len(ranked) <= SHEET else ranked[: SHEET // 2] + ranked[-SHEET // 2 :]


def sheet(folder: Path, rows: list[Row], side: int = 96) -> bytes:
    """A contact sheet as JPEG: one line per verdict, its first pictures."""
    lines = []
    for verdict in sorted({row.verdict.partition(":")[0] for row in rows}):
        line = np.full((side + 24, 5 * (side + 8), 3), 255, np.uint8)
        place = (4, 16)
        cv2.putText(line, verdict, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        same = [row for row in rows if row.verdict.partition(":")[0] == verdict]
        for i, row in enumerate(same[:5]):
            try:
                rgb = shrink(to_rgb(decode(identify(folder / row.file), side)), side)
            except (BadPictureError, OSError):
                continue
            rgb = rgb[:side, :side]
            left = i * (side + 8)
            line[22 : 22 + rgb.shape[0], left : left + rgb.shape[1]] = rgb
        lines.append(line)
    data = cv2.imencode(".jpg", np.vstack(lines)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return data.tobytes()


def _figure(folder: Path, row: Row) -> str:
    caption = html.escape(f"{row.file} · {row.verdict} · {row.reason} ({row.score:g})")
    try:
        small = shrink(to_rgb(decode(identify(folder / row.file), 128)), 128)
    except (BadPictureError, OSError):
        return f"<figure><figcaption>{caption}</figcaption></figure>"
    data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70])[1].tobytes()
    encoded = base64.b64encode(data).decode()
    return (
        f'<figure><img src="data:image/jpeg;base64,{encoded}" alt="">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
