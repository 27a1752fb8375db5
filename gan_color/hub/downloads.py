"""Weights that the metrics of the literature are defined by: named, hashed, never trusted blindly.

A file is used only if its SHA-256 is the pinned one, and is read by torch's weights-only reader.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from gan_color.atomic import sha256
from gan_color.errors import GanColorError
from gan_color.models.published_weights import read_tensors


@dataclass(frozen=True)
class WeightsFile:
    """A public weights file: where it is, what it is, and the option that gives its path."""

    url: str
    sha256: str
    option: str

    @property
    def name(self) -> str:
        """The file's name, as it is published."""
        return self.url.rpartition("/")[2]

    def find(self, path: Path | None = None) -> Path:
        """The checked file: at `path`, in torch's cache, or downloaded into that cache.

        Raises GanColorError: no such file, another file's hash, or no network.
        """
        if path is None:
            path = Path(torch.hub.get_dir()) / "checkpoints" / self.name
            if not path.exists():
                self._download(path)
        elif not path.is_file():
            raise GanColorError(f"{self.option}: found no file {str(path)!r}, expected {self.name}")
        digest = sha256(path)
        if digest != self.sha256:
            raise GanColorError(
                f"{self.option}: {path} has SHA-256 {digest[:16]}..., expected "
                f"{self.sha256[:16]}... ({self.name}, {self.url})"
            )
        return path

    def load(self, path: Path | None = None) -> dict[str, Tensor]:
        """The tensors of the checked file."""
        return read_tensors(self.find(path), self.name)

    def _download(self, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(self.url, str(target), self.sha256)
        except (URLError, OSError, RuntimeError) as error:
            raise GanColorError(
                f"found no {self.name} (SHA-256 {self.sha256}) in {target.parent}, and could not "
                f"download it ({str(error).strip().splitlines()[0]}); get {self.url} and pass "
                f"{self.option} PATH"
            ) from None
