"""The tables of a run's page, from its log and its sessions; every cell is text."""

from collections.abc import Sequence
from typing import Any

from gan_color.training.callbacks.progress import in_words
from gan_color.training.report.numbers import Row, by_stage, losses_on, series, three_digits

Table = tuple[list[str], list[list[str]]]  # header, rows
NONE = "–"
LAST = {
    "psnr": "PSNR, dB",
    "colorfulness": "colorfulness",
    "snapshot_frechet": "Fréchet distance",
    "discriminator": "discriminator",
}


def stage_table(rows: Sequence[Row]) -> Table:
    """Images, time, images a second and last figures of each stage; columns that have any.

    Time is the images over the stage's mean speed, validation and checkpoints within it included.
    """
    stages = by_stage(rows)
    losses = losses_on(rows)
    logged = {name for row in rows for name, value in row.items() if value}
    shown = {name: title for name, title in LAST.items() if name in logged}
    shown |= {name: name for name in losses}
    found = []
    for stage, part in stages.items():
        images = max((int(row["images"]) for row in part if row.get("images")), default=0)
        speeds = series(part, "images_per_second")[1]
        time = in_words(images / speeds[-1]) if speeds and speeds[-1] else NONE
        speed = three_digits(speeds[-1]) if speeds else NONE
        last = [series(part, name)[1][-1:] for name in shown]
        figures = [three_digits(values[0]) if values else NONE for values in last]
        found.append([stage, f"{images:,}", time, speed, *figures])
    return ["stage", "images", "time", "images/s", *shown.values()], found


def session_table(sessions: Sequence[dict[str, Any]]) -> Table:
    """When, for how long, over which images, and on what each session trained."""
    found = [
        [
            str(i),
            session["started"].replace("T", " ").replace("+00:00", " UTC"),
            in_words(session["seconds"]),
            f"{session['from_images']:,} to {session['to_images']:,}",
            f"{session['device']}, {session['precision']}",
            f"{session['processor']}, {session['cores']} cores",
            (session["commit"] or NONE)[:10],
        ]
        for i, session in enumerate(sessions, 1)
    ]
    return ["session", "started", "wall clock", "images", "device", "processor", "commit"], found


def version_table(sessions: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Versions by package; where sessions had several, all of them in order."""
    found: dict[str, list[str]] = {}
    for session in sessions:
        listed = {"system": session["system"], "python": session["python"], **session["versions"]}
        for name, value in listed.items():
            if value not in found.setdefault(name, []):
                found[name].append(value)
    return {name: ", then ".join(values) for name, values in found.items()}


def figures(values: dict[str, Any]) -> dict[str, str]:
    """Numbers with three digits, whole ones in full; NONE for None, text as it is."""
    return {name: _cell(value) for name, value in values.items()}


def _cell(value: Any) -> str:
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        try:
            value = int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError:
            return str(value)
    return three_digits(value) if isinstance(value, int | float) else str(value)
