"""WebDataset tars (https://github.com/webdataset/webdataset): key.jpg beside key.json.

Hugging Face's `webdataset` reader wants the same members for every key, so that a dataset of mixed
formats is packed as JPEG.
"""

import io
import json
import re
import tarfile
from collections import Counter, defaultdict
from dataclasses import asdict, replace
from pathlib import Path

from scrapers import manifest
from scrapers.clean.normalize import read_srgb
from scrapers.errors import BadImageError, ScraperError
from scrapers.export.output import locked, require_own
from scrapers.files import atomic, sha256, write_lines, write_text
from scrapers.formats import FORMATS, suffix_of
from scrapers.images import identify, save
from scrapers.manifest import Row
from scrapers.metadata import stripped

SHARDS = "shards.json"  # the tars of the last run
STAGE = ".pack"  # new tars, until all are written


def pack(folder: Path, output: Path, per_shard: int = 1000, keep_metadata: bool = False) -> int:
    """Write `<split>-00000.tar` ... with `per_shard` images each; returns the number of tars.

    Deterministic bytes. The tars of an earlier run go, once all new ones are written.

    Args:
        folder: the dataset.
        output: where to; an empty folder, or one that an earlier `pack` made.
        per_shard: images per tar.
        keep_metadata: keep EXIF, with places and owners.
    """
    with locked(folder, output) as rows:
        if not rows:
            raise ScraperError(f"{folder}: no image was kept, so there is nothing to pack")
        listed, stage = output / SHARDS, output / STAGE
        before = set(json.loads(listed.read_text())["shards"]) if listed.exists() else set()
        require_own(output, {*before, SHARDS}, "pack")
        by_split: defaultdict[str, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.sha256):
            by_split[row.split or "train"].append(row)
        suffixes = {_suffix(folder / row.file) for row in rows}
        stage.mkdir(exist_ok=True)
        for old in stage.iterdir():
            old.unlink()
        names = []
        for split, members in by_split.items():
            for number, start in enumerate(range(0, len(members), per_shard)):
                names.append(f"{split}-{number:05d}.tar")
                part = members[start : start + per_shard]
                _write(folder, part, stage / names[-1], len(suffixes) > 1, keep_metadata)
        # All are written: from here on a kill leaves some missing, never two generations.
        write_text(listed, json.dumps({"shards": sorted(before | set(names))}))
        for name in before:
            (output / name).unlink(missing_ok=True)
        for name in names:
            (stage / name).replace(output / name)
        stage.rmdir()
        write_text(listed, json.dumps({"shards": names, "images": len(rows)}, indent=1))
        write_lines(output / manifest.ATTRIBUTION, manifest.attribution(rows))
    return len(names)


def _write(folder: Path, rows: list[Row], target: Path, as_jpeg: bool, keep_metadata: bool) -> None:
    with atomic(target) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
        keys: Counter[str] = Counter()
        for row in rows:
            # WebDataset keys end at the first dot.
            key = re.sub(r"[^A-Za-z0-9_-]", "_", Path(row.file).stem) + f"_{row.sha256[:8]}"
            keys[key] += 1
            if keys[key] > 1:
                key += f"-{keys[key]}"
            path = folder / row.file
            suffix = _suffix(path)
            try:
                data = path.read_bytes() if keep_metadata else stripped(path)
                if as_jpeg:
                    suffix = ".jpg"
                    if identify(path).format not in ("JPEG", "MPO"):
                        data = _jpeg(path)
            except OSError as error:
                raise ScraperError(f"{folder}: {row.file}: {error.strerror}") from None
            except BadImageError as error:
                raise ScraperError(f"{folder}: {row.file}: {error}; run `clean` first") from None
            row = replace(row, sha256=sha256(data), bytes=len(data))
            text = json.dumps(asdict(row), ensure_ascii=False).encode(errors="backslashreplace")
            for end, content in ((suffix, data), (".json", text)):
                member = tarfile.TarInfo(key + end)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def _suffix(path: Path) -> str:
    """One for each format: every key of a tar is to have the same members."""
    named = path.suffix.lower()
    kinds = [kind for kind, suffixes in FORMATS.items() if named in suffixes]
    if not named and path.is_file():
        kinds = [str(identify(path).format)]
    return suffix_of(kinds[0]) if kinds else named


def _jpeg(path: Path) -> bytes:
    buffer = io.BytesIO()
    save(read_srgb(path), buffer, "JPEG", subsampling=0)
    return buffer.getvalue()
