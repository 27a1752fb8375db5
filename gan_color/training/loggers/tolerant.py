"""A tracker whose errors never end a training."""

from typing import Any

from gan_color.console import console
from gan_color.training.loggers.base import Forwarding, Logger

# What is tried again at the end: few calls, each of which a page of the run lacks for good.
# A curve with some points missing is still a curve, and log.csv has them.
RETRIED = ("dataset", "checkpoint", "model", "summary")


class Tolerant(Forwarding):
    """Hands every call on; one that fails is told once, and the training goes on.

    Of what failed, artifacts and the summary are tried once more at the end.
    """

    def __init__(self, member: Logger, name: str) -> None:
        self.member, self.name = member, name
        self.failed: list[tuple[str, tuple[Any, ...]]] = []
        self.told = False

    @property
    def run_id(self) -> str | None:  # type: ignore[override]
        """The member's."""
        return self.member.run_id

    def _forward(self, name: str, *arguments: Any) -> None:
        if name == "finish":
            self._retry()
        # The package raises its own errors, those of its HTTP client, of sockets and of its
        # service's pipe, and plain ValueErrors: no list of them would be whole.
        error = self._error(name, arguments)
        if error is None:
            return
        if name in RETRIED:
            self.failed.append((name, arguments))
        if not self.told:
            self.told = True
            self._say(
                f"{name} failed ({_one_line(error)}): the training goes on, log.csv has every "
                "row, and artifacts and the summary are tried again at the end"
            )

    def _retry(self) -> None:
        lost = [name for name, arguments in self.failed if self._error(name, arguments)]
        self.failed = []
        if lost:
            self._say(
                f"{', '.join(dict.fromkeys(lost))} failed again at the end; the run's folder has it"
            )

    def _error(self, name: str, arguments: tuple[Any, ...]) -> Exception | None:
        try:
            getattr(self.member, name)(*arguments)
        except Exception as error:
            return error
        return None

    def _say(self, what: str) -> None:
        console.print(f"{self.name}: {what}", markup=False)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
