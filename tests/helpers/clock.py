"""An event loop whose clock a test moves, so that no test waits for a timeout or races with one."""

import asyncio


class SkippingLoop(asyncio.SelectorEventLoop):
    """Its time is the real one and what was skipped."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped = 0.0  # seconds

    def time(self) -> float:
        return super().time() + self._skipped

    def skip(self, seconds: float) -> None:
        """Let so many seconds pass; called from any thread."""
        self.call_soon_threadsafe(self._skip, seconds)

    def _skip(self, seconds: float) -> None:
        self._skipped += seconds
