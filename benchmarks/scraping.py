"""Measurements behind one command, so that anybody can repeat them: python -m scrapers bench."""

import csv
import hashlib
import multiprocessing
import os
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from scrapers import manifest
from scrapers.checks.duplicates import near
from scrapers.clean.run import clean
from scrapers.collect.collector import collect
from scrapers.errors import NAMES, ScraperError
from scrapers.options import parse
from scrapers.recipe import Recipe
from tests.fakes.image_server import ADDRESS, Photo, Server, synthetic


def run(what: str, pictures: int, folder: Path | None, labels: Path | None) -> str:
    """One measurement as text. ScraperError for an unknown one."""
    if what == "collect":
        return bench_collect(pictures or 3000)
    if what == "duplicates":
        return bench_duplicates(pictures or 1_000_000)
    if what == "clean":
        return bench_clean(pictures or 2000, folder)
    if what == "verdicts" and folder and labels:
        return verdicts(folder, labels)
    raise ScraperError(
        f"bench: found {what!r}, expected collect, clean, duplicates, or verdicts with --folder "
        "and --labels"
    )


def _serve(count: int, port: Any, stop: Any) -> None:
    """Serve pictures of some 100 kB: twenty of them, each with a tail of its own."""
    bodies = [synthetic(i, 640, 480, 95) for i in range(20)]
    tails = (i.to_bytes(4, "big") for i in range(count))
    photos = [Photo(i, bodies[i % 20] + tail, 640, 480) for i, tail in enumerate(tails)]
    with Server(photos) as server:
        port.put((server.port, sum(len(photo.body) for photo in photos) / count))
        stop.wait()


def bench_collect(count: int) -> str:
    """Pictures a second from a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    port, stop = context.Queue(), context.Event()
    process = context.Process(target=_serve, args=(count, port, stop), daemon=True)
    process.start()
    number, size = port.get()
    with tempfile.TemporaryDirectory() as place:
        listed = Path(place, "urls.txt")
        listed.write_text("\n".join(f"http://{ADDRESS}:{number}/img/{i}.jpg" for i in range(count)))
        recipe = parse(
            Recipe,
            {
                "name": "bench",
                "contact": "bench@gan-color.invalid",
                "limits": {"rate": 0, "concurrency": 8, "workers": 8},
                "sources": [{"kind": "urls", "files": [listed], "licence": "cc0"}],
            },
            "bench",
        )
        summary = collect(recipe, Path(place, "set"), [ADDRESS])
        stored = len(manifest.read(Path(place, "set")))
    stop.set()
    process.join()
    return (
        f"collect: {stored:,} pictures of {size / 1000:.0f} kB in {summary.seconds:.1f} s, "
        f"{stored / summary.seconds:.0f} a second on {os.cpu_count()} cores, server included"
    )


def _plain(paths: list[Path]) -> float:
    """Seconds of the loop that is usually written: skimage's rgb2lab and imagehash's pHash."""
    try:
        import imagehash
    except ImportError:
        raise ScraperError("bench clean: pip install imagehash, to compare with") from None
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
    """Pictures a second of `clean --dry-run`, against that loop in one process."""
    with tempfile.TemporaryDirectory() as place:
        target = Path(place)
        if folder:
            sources = [path for path in sorted(folder.iterdir()) if path.is_file()][:count]
            for path in sources:
                (target / path.name).symlink_to(path.resolve())
        else:
            for i in range(count):
                (target / f"{i}.jpg").write_bytes(synthetic(i, 500, 375))
        paths = sorted(target.iterdir())
        began = time.perf_counter()
        counts = clean(target, dry_run=True)
        ours = time.perf_counter() - began
        part = paths[:: max(1, len(paths) // 100)]
        plain = _plain(part) / len(part)
    rate = counts.total() / ours
    return (
        f"clean: {counts.total():,} pictures in {ours:.1f} s, {rate:.0f} a second on "
        f"{os.cpu_count()} cores; rgb2lab and pHash in a loop: {1 / plain:.0f} a second; "
        f"{rate * plain:.1f} times"
    )


def bench_duplicates(count: int) -> str:
    """Seconds and memory of all pairs at most 7 bits apart among random hashes, 1,000 planted."""
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
        f"{hit:,} of {len(planted):,} planted pairs found, {len(pairs):,} pairs in all"
    )


def half(name: str) -> str:
    """Which half of a labelled set a file belongs to."""
    return "tuned" if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 else "reported"


def verdicts(folder: Path, labels: Path) -> str:
    """The confusion table of `clean` against labels, and precision and recall, hard rows apart.

    A pair of duplicates counts as found whichever of the two is kept.
    """
    with labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as place:
        for path in folder.iterdir():
            (Path(place) / path.name).symlink_to(path.resolve())
        clean(Path(place), dry_run=True)
        got = {row.file: row.verdict for row in manifest.read(Path(place))}
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
    wrong = [r for r in rows if r["expected"] == "keep"]
    coloured = [r["file"] for r in wrong if got[r["file"]] in ("grayscale", "sepia")]
    lines += ["", f"keep rows refused for their colours, hard ones included: {len(coloured)}"]
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
