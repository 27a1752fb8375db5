"""Replies of APIs, kept for a day: a search that goes on after a kill asks nothing twice.

Pixabay's terms ask for this; the other hosts are spared by it.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from scrapers.files import write_bytes

KEPT_SECONDS = 24 * 3600


class Replies:
    """JSON by address, below a folder; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def _path(self, url: str) -> Path:
        assert self.folder
        return self.folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def get(self, url: str) -> Any:
        """The reply kept for an address; None where there is none younger than a day."""
        if self.folder is None:
            return None
        path = self._path(url)
        try:
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                return None
            return json.loads(path.read_text(encoding="utf-8"))["reply"]
        except (OSError, ValueError, KeyError):
            return None

    def put(self, url: str, reply: Any) -> None:
        """Keep a reply."""
        if self.folder:
            write_bytes(self._path(url), json.dumps({"url": url, "reply": reply}).encode())
