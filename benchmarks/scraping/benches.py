"""Measure the scrapers: `python -m benchmarks scrapers collect | clean | verdicts | ...`."""

import csv
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import requests

from benchmarks.scraping.defects import bench_defects
from benchmarks.scraping.scale import bench_scale
from benchmarks.scraping.watermarks import bench_watermarks
from scrapers import manifest
from scrapers.checks.duplicates import near
from scrapers.clean.run import clean
from scrapers.collect.collector import collect
from scrapers.errors import NAMES, ScraperError
from scrapers.options import parse
from scrapers.recipe import Recipe


def run(what: str, images: int, folder: Path | None, labels: Path | None) -> str:
    """Run one benchmark; returns its result as text. ScraperError for an unknown one."""
    if what == "collect":
        return bench_collect(images or 3000)
    if what == "duplicates":
        return bench_duplicates(images or 1_000_000)
    if what == "clean":
        return bench_clean(images or 2000, folder)
    if what == "scale":
        return bench_scale(images or 5000, folder)
    if what == "verdicts" and folder and labels:
        return verdicts(folder, labels)
    if what == "defects" and folder:
        return bench_defects(folder, images or 120)
    if what == "watermarks" and folder:
        return bench_watermarks(folder, images or 60)
    raise ScraperError(
        f"found {what!r}, expected collect, clean, duplicates, scale, verdicts with "
        "--folder and --labels, or defects or watermarks with --folder"
    )


@contextmanager
def _image_server(*options: object) -> Iterator[dict[str, Any]]:
    """The fake image services in a process; yields what it says of itself: address, images."""
    command = [sys.executable, "-m", "tests.fakes.image_server", *map(str, options)]
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())  # leaving closes its stdin, which ends it


def bench_collect(count: int) -> str:
    """Images per second from a server in its own process."""
    options = ("--count", count, "--distinct", min(20, count), "--quality", 95)
    with tempfile.TemporaryDirectory() as place, _image_server(*options) as server:
        listed, folder = Path(place, "urls.txt"), Path(place, "set")
        listed.write_text("\n".join(server["images"]))
        recipe = parse(
            Recipe,
            {
                "name": "bench",
                "contact": "bench@gan-color.invalid",
                "limits": {"rate": 0, "concurrency": 8, "workers": 8},
                "sources": [{"kind": "urls", "files": [listed], "license": "cc0"}],
            },
            "bench",
        )
        summary = collect(recipe, folder, [server["address"]])
        sizes = [row.bytes for row in manifest.read(folder)]
    return (
        f"collect: {len(sizes):,} images of {np.mean(sizes) / 1000:.0f} kB in "
        f"{summary.seconds:.1f} s, {len(sizes) / summary.seconds:.0f} per second on "
        f"{os.cpu_count()} cores, server included"
    )


def _plain(paths: list[Path]) -> float:
    """Seconds of the usual loop: skimage's rgb2lab and imagehash's pHash."""
    try:
        import imagehash
    except ImportError:
        raise ScraperError("found no imagehash: pip install imagehash") from None
    from PIL import Image
    from skimage.color import rgb2lab

    began = time.perf_counter()
    for path in paths:
        image = Image.open(path).convert("RGB")
        lab = rgb2lab(np.asarray(image))
        np.hypot(lab[..., 1], lab[..., 2]).mean()
        imagehash.phash(image)
    return time.perf_counter() - began


def bench_clean(count: int, folder: Path | None) -> str:
    """Images per second of `clean --dry-run`, compared with that loop in one process."""
    with tempfile.TemporaryDirectory() as place:
        target = Path(place)
        if folder:
            sources = [path for path in sorted(folder.iterdir()) if path.is_file()][:count]
            for path in sources:
                (target / path.name).symlink_to(path.resolve())
        else:
            with _image_server("--count", count, "--size", 500, 375) as server:
                for i, url in enumerate(server["images"]):
                    (target / f"{i}.jpg").write_bytes(requests.get(url, timeout=60).content)
        paths = sorted(target.iterdir())
        began = time.perf_counter()
        counts = clean(target, dry_run=True)
        ours = time.perf_counter() - began
        part = paths[:: max(1, len(paths) // 100)]
        plain = _plain(part) / len(part)
    rate = counts.total() / ours
    return (
        f"clean: {counts.total():,} images in {ours:.1f} s, {rate:.0f} per second on "
        f"{os.cpu_count()} cores; rgb2lab and pHash in a loop: {1 / plain:.0f} per second; "
        f"{rate * plain:.1f}x"
    )


def bench_duplicates(count: int) -> str:
    """Time and memory to find all pairs within 7 bits among random hashes, 1,000 planted."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, count, dtype=np.uint64)
    planted = random.permutation(count)[: 2 * min(1000, count // 2)].reshape(-1, 2)
    for one, other in planted.tolist():
        bits = random.permutation(64)[:7].astype(np.uint64)
        hashes[other] = hashes[one] ^ np.bitwise_or.reduce(np.uint64(1) << bits)
    began = time.perf_counter()
    pairs = near(hashes, 7)
    seconds = time.perf_counter() - began
    found = {tuple(pair) for pair in pairs.tolist()}
    hit = sum(tuple(sorted(pair)) in found for pair in planted.tolist())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return (
        f"duplicates: {count:,} hashes in {seconds:.1f} s, peak memory {peak:.2f} GB, "
        f"{hit:,} of {len(planted):,} planted pairs found, {len(pairs):,} pairs in total"
    )


def half(name: str) -> str:
    """Which half of a labeled set a file belongs to."""
    return "tuned" if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 else "reported"


def verdicts(folder: Path, labels: Path) -> str:
    """Confusion matrix of `clean` against labels, with precision and recall, without hard rows.

    Either image of a duplicate pair may be the one that is kept.
    """
    with labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as place:
        for path in folder.iterdir():
            (Path(place) / path.name).symlink_to(path.resolve())
        clean(Path(place), dry_run=True)
        # What is no picture by its name is left alone: no row is the verdict `unsupported`.
        got = {row["file"]: "unsupported" for row in rows}
        got |= {row.file: row.verdict for row in manifest.read(Path(place))}
    partner = {}
    for row in rows:
        other = row["expected"].partition(":")[2]
        if other and got[other] == f"duplicate-of:{row['file']}" and got[row["file"]] == "keep":
            partner[row["file"]], partner[other] = got[other], "keep"
    lines = []
    for part in ("tuned", "reported", "both"):
        easy = [r for r in rows if r["hard"] == "0" and part in (half(r["file"]), "both")]
        pairs = Counter(
            (_kind(r["expected"]), _kind(partner.get(r["file"], got[r["file"]]))) for r in easy
        )
        lines += ["", f"{part} half: {len(easy)} rows that are not hard", "", *_table(pairs)]
    keep = [r for r in rows if r["expected"] == "keep"]
    rejected = [r["file"] for r in keep if got[r["file"]] in ("grayscale", "sepia")]
    lines += ["", f"keep rows rejected for their colors, hard ones included: {len(rejected)}"]
    return "\n".join(lines[1:])


def _kind(verdict: str) -> str:
    return verdict.partition(":")[0]


def _table(pairs: Counter[tuple[str, str]]) -> list[str]:
    names = ("keep", *NAMES)
    head = "| expected | " + " | ".join(names) + " | recall | precision |"
    lines = [head, "|---" * (len(names) + 3) + "|"]
    for name in names:
        counts = [pairs[name, other] for other in names]
        if not sum(counts):
            continue
        said = sum(pairs[other, name] for other in names)
        recall = pairs[name, name] / sum(counts)
        precision = f"{pairs[name, name] / said:.3f}" if said else "-"
        cells = " | ".join(str(count or "") for count in counts)
        lines.append(f"| {name} | {cells} | {recall:.3f} | {precision} |")
    return lines
