"""What a dataset of a million pictures would need: bytes a picture, from two sizes."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from scrapers import manifest
from scrapers.checks.duplicates import VARIANTS
from scrapers.checks.inspect_image import Inspection
from scrapers.checks.rules import Rules
from scrapers.clean.quarantine import STATE
from scrapers.clean.run import clean
from scrapers.clean.scan import _key
from scrapers.files import sha256, write_lines
from scrapers.manifest import Row

FEW, MANY = 1000, 2000


def checked(folder: Path, count: int) -> Path:
    """A folder whose pictures were checked before, and collected with all that a row may say."""
    random = np.random.default_rng(count)
    folder.mkdir()
    rules, cached, rows = Rules().model_dump(mode="json"), [], []
    for i in range(count):
        name = f"images/commons-{i:08d}.jpg"
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
        hashes = random.integers(0, 2**64, VARIANTS, dtype=np.uint64).tolist()
        found = Inspection(
            name, sha256=sha256(name), width=640 + i, height=480 + i, bytes=90_000 + i,
            format="JPEG", chroma=20 + i / 7, hashes=hashes,
        )  # fmt: skip
        line = {"key": _key(folder, name), "rules": rules, "found": asdict(found)}
        cached.append(json.dumps(line))
        rows.append(
            Row(
                f"commons-{i:08d}", name, "commons", sha256=found.sha256, license="by",
                license_version="4.0", license_url="https://creativecommons.org/licenses/by/4.0/",
                author="Ann Author of all of them", terms="read on 2024-05-01, as the API says",
            )
        )  # fmt: skip
    (folder / STATE).mkdir()
    write_lines(folder / STATE / "examined.jsonl", cached)
    manifest.write(folder, rows)
    return folder


def peak(command: Callable[[], object]) -> int:
    """Bytes that Python held at most while a command ran."""
    tracemalloc.start()
    try:
        command()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_picture_needs_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "PARQUET_ROWS", 100)  # a part of both sizes
    needs = []
    for count in (20, FEW, MANY):  # the first one imports what is imported late
        folder = checked(tmp_path / f"{count}", count)
        needs.append(peak(lambda at=folder: clean(at, dry_run=True, write_report=False)))
        assert len(manifest.read(folder)) == count
    assert 500 < (needs[2] - needs[1]) / (MANY - FEW) < 2000
