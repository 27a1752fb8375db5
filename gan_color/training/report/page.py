"""report.html: a run on one page that needs no other file."""

import json
from pathlib import Path

from gan_color.atomic import write_text
from gan_color.evaluation.html_report import render
from gan_color.training.best_snapshot import read_evaluations
from gan_color.training.callbacks.progress import in_words
from gan_color.training.loggers.csv_log import CsvLog
from gan_color.training.report.curves import draw_curves, draw_early_stopping
from gan_color.training.report.findings import findings, verdict
from gan_color.training.report.sessions import read_sessions
from gan_color.training.report.tables import figures, session_table, stage_table, version_table

REPORT = "report.html"  # the last file that a run writes
BEST = ("stage", "images", "score", "frechet", "colorfulness_ratio", "skin_hue", "skin_chroma")
VALIDATION = ("stage", "total_images", "psnr", "colorfulness", "colorfulness_truth")


def write_report(folder: Path, images: dict[str, Path] | None = None) -> Path:
    """Write a run's report.html from its files; `images` {caption: JPEG or PNG} come first."""
    rows = CsvLog(folder / "log.csv").rows()
    validated = [row for row in rows if row.get("psnr")]
    previews = sorted((folder / "previews").glob("*.jpg"))
    evaluations = read_evaluations(folder)
    data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    data["unreadable"] = len(data.pop("bad"))
    found, sessions = findings(rows), read_sessions(folder)
    page = render(
        "run_report.html",
        name=folder.name,
        images={caption: path.read_bytes() for caption, path in (images or {}).items()},
        verdict=verdict(found) if rows else None,
        findings=found,
        stages=stage_table(rows) if rows else None,
        validation=figures({n: validated[-1].get(n) for n in VALIDATION}) if validated else None,
        preview=previews[-1] if previews else None,
        curves=draw_curves(rows),
        snapshots=draw_early_stopping(evaluations) if evaluations else None,
        best=figures({n: evaluations["best"][n] for n in BEST}) if evaluations else None,
        wall_clock=in_words(sum(session["seconds"] for session in sessions)),
        sessions=session_table(sessions) if sessions else None,
        versions=version_table(sessions),
        data=figures({k: v for k, v in data.items() if k not in ("sources", "classes")}),
        config=(folder / "config.yml").read_text(encoding="utf-8"),
    )
    path = folder / REPORT
    write_text(path, page)
    return path
