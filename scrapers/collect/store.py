"""What a run keeps on the disk: kill it at any moment, and the same command goes on.

Three files make that true. `.collect/journal.jsonl` notes the head of every answer before its body
(so that a part goes on where it ended), `.collect/parts/` holds bodies, and a picture counts as
stored once its row is in `manifest.jsonl`: it is moved to `images/` just before.
"""

import hashlib
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from scrapers import manifest
from scrapers.checks.phash import phash, to_text
from scrapers.errors import BadPictureError, ScraperError
from scrapers.fetch.access import Refused
from scrapers.fetch.client import Started
from scrapers.files import Journal, read_jsonl
from scrapers.images import FORMATS, decode, identify
from scrapers.item import Item
from scrapers.recipe import Recipe

STATE = ".collect"


class Store:
    """A dataset's folder, as a run fills it; used by many threads.

    Raises ScraperError where it holds pictures under a licence that the recipe does not list.
    """

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        self.parts, self.images = folder / STATE / "parts", folder / "images"
        self.parts.mkdir(parents=True, exist_ok=True)
        self.images.mkdir(exist_ok=True)
        self._lock = threading.Lock()
        self._manifest = Journal(self.folder / manifest.JSONL)
        rows = manifest.read(self.folder)
        bad = sorted({row.licence for row in rows} - set(self.recipe.licences))
        if bad:
            raise ScraperError(
                f"{self.folder} holds pictures under {', '.join(map(repr, bad))}, which the "
                "recipe's licences do not list: collect into another folder"
            )
        self.sources = Counter(row.source for row in rows)
        self._digests = {row.sha256: row.file for row in rows}
        self.known = {row.id for row in rows}
        self.urls = {row.url: row.id for row in rows if row.url}
        self.started: dict[str, Started] = {}
        self.closed: dict[str, str] = {}
        path = self.folder / STATE / "journal.jsonl"
        self._journal = Journal(path)
        for row in read_jsonl(path):
            if "start" in row:
                self.started[row["start"]] = Started(row["etag"], row["length"])
            elif "refused" in row:
                self.closed[row["refused"]] = row["reason"]
        for orphan in self.images.iterdir():
            # Moved here, but killed before its row was written: it is a whole part again.
            if orphan.is_file() and orphan.stem not in self.known:
                orphan.rename(self.parts / orphan.stem)

    def note(self, item: Item, head: Started) -> None:
        """Remember what an answer's head said, before its body comes."""
        with self._lock:
            self.started[item.id] = head
            self._journal.append({"start": item.id, "etag": head.etag, "length": head.length})

    def refuse(self, item: Item, reason: str, detail: str) -> None:
        """Remember that an item is not to be asked for again."""
        (self.parts / item.id).unlink(missing_ok=True)
        with self._lock:
            self._journal.append(
                {"refused": item.id, "url": item.url, "reason": reason, "detail": detail}
            )

    def keep(self, item: Item, part: Path) -> Refused | None:
        """Check a whole part and make it a picture of the dataset; or say why it is none."""
        try:
            picture = identify(part, self.recipe.limits.max_pixels, named=True)
            size, kind = picture.size, str(picture.format)
            if min(size) < self.recipe.min_side:
                raise BadPictureError("too small", f"{size[0]} x {size[1]} pixels")
            picture = decode(picture, at_least=32)
        except BadPictureError as error:
            reason = "not a picture" if error.verdict.name == "corrupt" else error.verdict.name
            return Refused(reason, error.verdict.reason)
        luma = np.asarray(picture if picture.mode == "L" else picture.convert("L"))
        data = part.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        name = f"images/{item.id}{FORMATS[kind]}"
        with self._lock:
            twin = self._digests.setdefault(digest, name)
        if twin != name:
            return Refused("same bytes as another", twin)
        row = _row(item, name, digest, size, len(data), to_text(phash(luma)))
        part.rename(self.folder / name)
        with self._lock:
            self._manifest.append(manifest.to_json(row))
            self.known.add(item.id)
        return None

    def close(self) -> None:
        """Let the journals go, and write what follows from the manifest."""
        self._manifest.close()
        self._journal.close()
        manifest.write_derived(self.folder, manifest.read(self.folder))


def _row(
    item: Item, name: str, digest: str, size: tuple[int, int], length: int, hashed: str
) -> manifest.Row:
    assert item.licence
    return manifest.Row(
        id=item.id,
        file=name,
        source=item.source,
        page=item.page,
        url=item.url,
        title=item.title,
        author=item.author,
        author_url=item.author_url,
        licence=item.licence.id,
        licence_version=item.licence.version,
        licence_url=item.licence.url,
        attribution=item.attribution,
        sha256=digest,
        phash=hashed,
        width=size[0],
        height=size[1],
        bytes=length,
        taken_at=item.taken_at,
        retrieved_at=datetime.now(UTC).isoformat(timespec="seconds"),
        terms=item.terms,
    )
