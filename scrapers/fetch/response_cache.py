"""API replies cached on disk for a day, so that a resumed search repeats no request.

Pixabay's terms require it; the other hosts benefit. While a search is unfinished (it takes longer
than a daily quota, or the run was killed) its replies stay, or it would begin anew every day.
"""

import json
import time
from pathlib import Path
from typing import Any

from scrapers.files import sha256, write_text

MAX_AGE = 24 * 3600
UNFINISHED_AGE = 30 * MAX_AGE
MARK = "unfinished"


class ResponseCache:
    """JSON replies by URL in a folder; folder None disables it."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._max_age = MAX_AGE
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / MARK).exists():
                self._max_age = UNFINISHED_AGE
            (folder / MARK).touch()

    def _path(self, url: str) -> Path:
        assert self.folder
        return self.folder / f"{sha256(url)[:32]}.json"

    def get(self, url: str) -> Any:
        """The cached reply of a URL, or None."""
        if self.folder is None:
            return None
        path = self._path(url)
        try:
            if time.time() - path.stat().st_mtime > self._max_age:
                return None
            return json.loads(path.read_text(encoding="utf-8"))["reply"]
        except (OSError, ValueError, KeyError):
            return None

    def put(self, url: str, reply: Any) -> None:
        """Cache a reply."""
        if self.folder:
            write_text(self._path(url), json.dumps({"url": url, "reply": reply}))

    def finished(self) -> None:
        """Every search came to its end: the next one is a new one, with replies of a day."""
        if self.folder:
            (self.folder / MARK).unlink(missing_ok=True)
