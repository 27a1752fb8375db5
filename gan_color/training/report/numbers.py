"""Numbers for a reader, and the numbers of log.csv."""

from collections.abc import Iterable, Sequence

Row = dict[str, str]  # of log.csv; a cell is empty where there was nothing to log
# Columns that are no losses; every other one is, but for those that begin like NOT_LOSSES.
PLACE = ("stage", "images", "total_images")
FIGURES = ("psnr", "colorfulness", "colorfulness_truth", "images_per_second", "total")
NOT_LOSSES = (
    "lr",
    "snapshot_",
    "accuracy_",
    "gradient_norm",
    "discriminator",
    "r1",
    "feature_gate",
    "apa_",
)


def three_digits(value: float) -> str:
    """0.0123, 1.20, 45.6, 1,234; whole numbers and thousands in full."""
    if isinstance(value, int) or abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:#.3g}".rstrip(".")


def series(rows: Iterable[Row], name: str) -> tuple[list[float], list[float]]:
    """Images of the run so far, and the column's value there, where it has one."""
    points = [(float(r["total_images"]), float(r[name])) for r in rows if r.get(name)]
    return [x for x, _ in points], [y for _, y in points]


def losses_on(rows: Sequence[Row]) -> list[str]:
    """The columns of the generator's losses that are not 0 throughout, in their order."""
    names = dict.fromkeys(name for row in rows for name in row if name)
    candidates = [n for n in names if n not in PLACE + FIGURES and not n.startswith(NOT_LOSSES)]
    return [name for name in candidates if any(series(rows, name)[1])]


def by_stage(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each stage, in the order of the run."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["stage"], []).append(row)
    return found
