"""The dataset folder during a run: killed at any time, the same command resumes.

`.collect/journal.jsonl` records response headers before the body arrives (so that a partial
download resumes), `.collect/parts/` holds bodies, and an image counts as stored once its row is in
`manifest.jsonl`; it moves to `images/` just before.
"""

import os
import threading
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from scrapers import manifest
from scrapers.checks.phash import phash, to_text
from scrapers.clean.takedown import removed
from scrapers.errors import BadImageError, ScraperError
from scrapers.fetch.answers import FetchError
from scrapers.fetch.client import PartialDownload
from scrapers.files import Journal, sha256
from scrapers.formats import suffix_of
from scrapers.images import ORIENTATION, decode, identify, is_turned, upright
from scrapers.item import Item
from scrapers.moves import free_name
from scrapers.recipe import Recipe

STATE = ".collect"


class Store:
    """A dataset folder that a run fills; thread-safe.

    Rejections are final until the recipe is looser, or with `retry_refused`. Raises ScraperError if
    it holds images under a license that the recipe does not list.
    """

    def __init__(self, recipe: Recipe, folder: Path, retry_refused: bool = False) -> None:
        self.recipe, self.folder = recipe, folder
        limits = recipe.limits
        self._rules = {
            "min_side": recipe.min_side,
            "max_bytes": limits.max_bytes,
            "max_pixels": limits.max_pixels,
            "training_bans": int(limits.training_bans),
        }
        self.parts, self.images = folder / STATE / "parts", folder / "images"
        self.parts.mkdir(parents=True, exist_ok=True)
        self.images.mkdir(exist_ok=True)
        self._lock = threading.Lock()
        self._manifest = Journal(self.folder / manifest.JSONL)
        rows = manifest.read(self.folder)
        bad = sorted({row.license for row in rows} - set(self.recipe.licenses))
        if bad:
            raise ScraperError(
                f"{self.folder} holds images under {', '.join(map(repr, bad))}, which the "
                "recipe's licenses do not list: collect into another folder"
            )
        self.sources = Counter(row.source for row in rows)
        self._digests = {row.sha256: row.file for row in rows}
        self.known = {row.id for row in rows}
        self.urls = {row.url: row.id for row in rows if row.url}
        self.partial: dict[str, PartialDownload] = {}
        self.rejected: dict[str, str] = {}
        path = self.folder / STATE / "journal.jsonl"
        self._journal = Journal(path)
        for row in manifest.read_rows(path):
            if "start" in row:
                self.partial[row["start"]] = PartialDownload(row["etag"], row["length"])
            elif "rejected" in row and not retry_refused and not self._looser(row):
                self.rejected[row["rejected"]] = row["reason"]
        self.removed = removed(self.folder)
        self.unlisted = self._recover({row.file for row in rows})

    def _recover(self, listed: set[str]) -> int:
        """Undo what a kill left half done; returns how many files of others lie in `images/`."""
        others = 0
        for path in sorted(self.images.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if name in listed or name in manifest.SPLIT_METADATA or path.is_dir():
                continue
            # Of ours, killed before its row was written: back to a complete part.
            if path.stem in self.partial and path.stem not in self.known:
                path.rename(self.parts / path.stem)
            else:
                others += 1
        return others

    def record_start(self, item: Item, download: PartialDownload) -> None:
        """Record response headers before the body arrives."""
        with self._lock:
            self.partial[item.id] = download
            self._journal.append(
                {"start": item.id, "etag": download.etag, "length": download.length}
            )

    def reject(self, item: Item, reason: str, detail: str) -> None:
        """Record that an item is never to be requested again."""
        (self.parts / item.id).unlink(missing_ok=True)
        with self._lock:
            self._journal.append(
                {"rejected": item.id, "url": item.url, "reason": reason, "detail": detail}
                | {"rules": self._rules}
            )

    def _looser(self, row: dict[str, Any]) -> bool:
        """Whether the recipe's rules are looser today than when this item was rejected."""
        before = row.get("rules") or {}
        if row["reason"] == "too small":
            return bool(self._rules["min_side"] < before.get("min_side", 0))
        bounds = ("max_bytes", "max_pixels")
        return row["reason"] in ("too-many-bytes", "unsupported", "robots") and (
            any(self._rules[name] > before.get(name, self._rules[name]) for name in bounds)
            or self._rules["training_bans"] < before.get("training_bans", 0)
        )

    def add(self, item: Item, part: Path) -> FetchError | None:
        """Check a complete part and add it to the dataset, or return why not."""
        try:
            image = identify(part, self.recipe.limits.max_pixels, named=True)
            size, kind = image.size, str(image.format)
            if min(size) < self.recipe.min_side:
                raise BadImageError("too small", f"{size[0]} x {size[1]} pixels")
            if is_turned(image) and image.getexif()[ORIENTATION] >= 5:
                size = size[1], size[0]
            image = upright(decode(image, at_least=32))
        except BadImageError as error:
            reason = "not an image" if error.verdict.name == "corrupt" else error.verdict.name
            return FetchError(reason, error.verdict.reason)
        luma = np.asarray(image if image.mode == "L" else image.convert("L"))
        data = part.read_bytes()
        digest = sha256(data)
        if digest in self.removed:
            return FetchError("removed on request", digest)
        name = Path("images", _safe(item.label), f"{item.id}{suffix_of(kind)}").as_posix()
        with self._lock:
            first = self._digests.setdefault(digest, name)
            if first != name:
                return FetchError("duplicate bytes", first)
            # A file of that name is not ours, or of a killed run: then it has the same bytes.
            target = self.folder / name
            if os.path.lexists(target) and sha256(target.read_bytes()) != digest:
                name = self._digests[digest] = free_name(self.folder, name)
        row = _row(item, name, digest, size, len(data), to_text(phash(luma)))
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        part.rename(self.folder / name)
        with self._lock:
            self._manifest.append(asdict(row))
            self.known.add(item.id)
        return None

    def close(self) -> None:
        """Close the journals and write the files derived from the manifest."""
        self._manifest.close()
        self._journal.close()
        manifest.write_derived(self.folder, manifest.read(self.folder))


def _safe(label: str) -> str:
    """A label as folders that are neither hidden nor above."""
    parts = (part.strip().lstrip(".") for part in label.split("/"))
    return "/".join(part for part in parts if part)


def _row(
    item: Item, name: str, digest: str, size: tuple[int, int], length: int, hashed: str
) -> manifest.Row:
    assert item.license
    return manifest.Row(
        id=item.id,
        file=name,
        source=item.source,
        page=item.page,
        url=item.url,
        title=item.title,
        author=item.author,
        author_url=item.author_url,
        license=item.license.id,
        license_version=item.license.version,
        license_url=item.license.url,
        attribution=item.attribution,
        sha256=digest,
        phash=hashed,
        width=size[0],
        height=size[1],
        bytes=length,
        taken_at=item.taken_at,
        label=item.label,
        retrieved_at=datetime.now(UTC).isoformat(timespec="seconds"),
        terms=item.terms,
    )
