"""API replies cached on disk for a day, so that a resumed search repeats no request.

Pixabay's terms require it; the other hosts benefit.
"""

import json
import time
from pathlib import Path
from typing import Any

from scrapers.files import sha256, write_text

MAX_AGE = 24 * 3600


class ResponseCache:
    """JSON replies by URL in a folder; folder None disables it."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def _path(self, url: str) -> Path:
        assert self.folder
        return self.folder / f"{sha256(url)[:32]}.json"

    def get(self, url: str) -> Any:
        """The cached reply of a URL, or None."""
        if self.folder is None:
            return None
        path = self._path(url)
        try:
            if time.time() - path.stat().st_mtime > MAX_AGE:
                return None
            return json.loads(path.read_text(encoding="utf-8"))["reply"]
        except (OSError, ValueError, KeyError):
            return None

    def put(self, url: str, reply: Any) -> None:
        """Cache a reply."""
        if self.folder:
            write_text(self._path(url), json.dumps({"url": url, "reply": reply}))
