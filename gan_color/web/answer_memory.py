"""What a model answered without points: a click on an open photo asks it once, not twice."""

import hashlib
import threading
import time
from collections import OrderedDict
from typing import Any

from torch import Tensor

from gan_color.inference.chroma_model import ChromaModel
from gan_color.models.hints import Hints

MOST_BYTES = 32_000_000  # of answers, at 256 pixels half a megabyte each
SECONDS = 600.0  # after which an answer is forgotten, at the next request


class RememberingModel:
    """A ChromaModel that keeps its answers without points for a while: in memory, bounded, and by
    the digest of what was asked; of a photo it holds no pixels.
    """

    def __init__(self, model: ChromaModel) -> None:
        self.model = model
        self._kept: OrderedDict[bytes, tuple[float, Tensor]] = OrderedDict()  # oldest first
        self._bytes = 0
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def predict_ab(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        """As the model gives it, from memory if it is there."""
        if hints is None or bool(hints.mask.any()):
            return self.model.predict_ab(L, hints)
        key = _digest(L, hints.palette)
        with self._lock:
            self._forget(time.monotonic() - SECONDS)
            if key in self._kept:
                return self._kept[key][1].clone()
        ab = self.model.predict_ab(L, hints)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = (time.monotonic(), ab.detach().cpu().clone())
                self._bytes += ab.nbytes
            while self._bytes > MOST_BYTES:
                self._drop()
        return ab

    def _forget(self, before: float) -> None:
        while self._kept and next(iter(self._kept.values()))[0] < before:
            self._drop()

    def _drop(self) -> None:
        self._bytes -= self._kept.popitem(last=False)[1][1].nbytes


def _digest(L: Tensor, palette: Tensor | None) -> bytes:
    found = hashlib.sha256(str(tuple(L.shape)).encode())
    for part in (L, palette):
        found.update(b"" if part is None else part.detach().cpu().contiguous().numpy().tobytes())
    return found.digest()
