"""WebDataset tars (https://github.com/webdataset/webdataset): key.jpg beside key.json."""

import io
import json
import re
import tarfile
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from scrapers import manifest
from scrapers.errors import ScraperError
from scrapers.export.split import kept
from scrapers.files import atomic, folder_lock, write_text
from scrapers.manifest import Row


def pack(folder: Path, output: Path, per_shard: int = 1000) -> int:
    """Write `<split>-00000.tar` ... with `per_shard` images each; returns the number of tars.

    Deterministic bytes; each tar is written atomically.
    """
    if output.resolve() == folder.resolve():
        raise ScraperError("-o: expected a folder other than the dataset's")
    rows = kept(manifest.read(folder))
    if not rows:
        raise ScraperError(f"{folder} has no manifest: run `collect` or `clean` first")
    by_split: defaultdict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.sha256):
        by_split[row.split or "train"].append(row)
    count = 0
    with folder_lock(output):
        for split, members in by_split.items():
            for number, start in enumerate(range(0, len(members), per_shard)):
                target = output / f"{split}-{number:05d}.tar"
                _write(folder, members[start : start + per_shard], target)
                count += 1
        write_text(output / manifest.ATTRIBUTION, manifest.attribution(rows))
    return count


def _write(folder: Path, rows: list[Row], target: Path) -> None:
    with atomic(target) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
        for row in rows:
            # WebDataset keys end at the first dot.
            key = re.sub(r"[^A-Za-z0-9_-]", "_", Path(row.file).stem) + f"_{row.sha256[:8]}"
            try:
                data = (folder / row.file).read_bytes()
            except OSError as error:
                raise ScraperError(f"{folder}: {row.file}: {error.strerror}") from None
            text = json.dumps(asdict(row), ensure_ascii=False).encode()
            for suffix, content in ((Path(row.file).suffix.lower(), data), (".json", text)):
                member = tarfile.TarInfo(key + suffix)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
