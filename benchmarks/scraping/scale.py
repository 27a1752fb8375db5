"""A dataset's whole way at several sizes: `python -m benchmarks scrapers scale --images 5000`.

Every step is a command in a process of its own, as a person would run it.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scrapers import manifest
from scrapers.errors import ScraperError

SIDE = 96
PER_FOLDER = 10_000
# The same command twice: the second finds every check cached, so that duplicates are what it costs.
STEPS = {
    "clean": ("clean", "--no-report"),
    "clean again": ("clean", "--no-report"),
    "split": ("split", "--val", "0.05"),
    "pack": ("pack",),
}
# Linux' VmHWM begins anew with a program; ru_maxrss would begin with its parent's.
_COMMAND = """
import sys
from scrapers.cli import main
code = main(sys.argv[1:])
status = open("/proc/self/status").read().split()
print(int(status[status.index("VmHWM:") + 1]))
sys.exit(code)
"""


def picture(number: int) -> NDArray[np.uint8]:
    """A small scene of its own [96, 96, 3]: colored areas, edges and grain."""
    random = np.random.default_rng(number)
    areas = random.integers(0, 256, (5, 5, 3)).astype(np.uint8)
    scene = cv2.resize(areas, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    for _ in range(6):
        x, y, width, height = random.integers((0, 0, 8, 8), (80, 80, 40, 40)).tolist()
        scene[y : y + height, x : x + width] += random.uniform(-90, 90, 3)
    grain = random.normal(0, 5, (SIDE, SIDE, 1)).astype(np.float32)
    return np.asarray((scene + grain).clip(0, 255), np.uint8)


def make(folder: Path, count: int) -> None:
    """Write `count` pictures, each a distinct one, as JPEG."""
    for number in range(count):
        place = folder / f"{number // PER_FOLDER:03d}"
        if number % PER_FOLDER == 0:
            place.mkdir(parents=True)
        data = cv2.imencode(".jpg", picture(number)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        (place / f"{number:07d}.jpg").write_bytes(data.tobytes())


def bench_scale(count: int, place: Path | None = None) -> str:
    """Seconds, pictures a second and peak memory of each step, as a Markdown table.

    Seconds of the clock, and of all processors: what other programs take does not count in these.

    Args:
        count: pictures.
        place: where they are made, and deleted again; default: the folder for temporary files.

    Raises ScraperError where a step fails, or loses a picture.
    """
    lines = [
        f"| {count:,} pictures | seconds | a second | CPU seconds | peak MB |",
        "|---" * 5 + "|",
    ]
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary, "set")
        make(folder, count)
        for name, (command, *options) in STEPS.items():
            began, busy = time.perf_counter(), _children_seconds()
            peak = _run(command, str(folder), *options)
            seconds, busy = time.perf_counter() - began, _children_seconds() - busy
            cells = (f"{seconds:.1f}", f"{count / seconds:,.0f}", f"{busy:.1f}", f"{peak:,.0f}")
            lines.append(f"| {name} | {' | '.join(cells)} |")
        rows = manifest.read(folder)
        packed = json.loads(Path(temporary, "set_shards", "shards.json").read_text())["images"]
    kept = sum(row.verdict == "keep" for row in rows)
    if len(rows) != count or packed != kept:
        raise ScraperError(
            f"scale: {count:,} pictures became {len(rows):,} rows, {packed:,} packed"
        )
    lines.append(f"\n{kept:,} of them kept and packed, on {os.cpu_count()} cores")
    return "\n".join(lines)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(*arguments: str) -> float:
    """The peak memory of a command's own process, in MB."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _COMMAND, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ScraperError(f"scale: {arguments[0]}: {done.stderr.strip()[-500:]}")
    return int(done.stdout.split()[-1]) * 1024 / 1e6
