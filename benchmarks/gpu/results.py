"""gpu.json: what was found so far, written whole after every measurement."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Row
from gan_color.atomic import write_text
from gan_color.errors import GanColorError

FILE = "gpu.json"
TRIES = 2  # of what failed or was killed
# Of a machine: what two starts must share for their figures to stand in one table.
IDENTITY = ("device", "memory_mib", "torch")


@dataclass
class PartResult:
    """A part's state: running, done, failed, killed, shortened (for want of time), or skipped."""

    state: str = "running"
    reason: str = ""
    seconds: float = 0.0  # over all starts
    rows: dict[str, list[Row]] = field(default_factory=dict)  # by measurement
    problems: dict[str, dict[str, Any]] = field(default_factory=dict)  # state, reason, tries

    def to_do(self, keys: list[str]) -> list[str]:
        """Measurements without rows, those not finished, and what went wrong once."""
        return [
            key
            for key in keys
            if (self.problems[key]["tries"] < TRIES if key in self.problems else not self.has(key))
        ]

    def has(self, key: str) -> bool:
        """True where a measurement came to its end."""
        return key in self.rows and all(row.get("finished", True) for row in self.rows[key])

    def add(self, key: str, rows: list[Row]) -> None:
        """What a measurement found."""
        self.rows[key] = rows
        self.problems.pop(key, None)

    def went_wrong(self, key: str, state: str, reason: str) -> None:
        """A measurement that failed or was killed."""
        tries = self.problems.get(key, {"tries": 0})["tries"] + 1
        self.problems[key] = {"state": state, "reason": reason, "tries": tries}

    def conclude(self, keys: list[str], time_is_over: str) -> None:
        """Settle the state; `time_is_over` says why measurements are left, if any are."""
        left = [key for key in keys if not self.has(key) and key not in self.problems]
        states = {problem["state"] for problem in self.problems.values()}
        reasons = [f"{key}: {problem['reason']}" for key, problem in self.problems.items()]
        self.state = "done"
        if left:
            self.state = "shortened" if self.rows else "skipped"
            reasons.append(f"{', '.join(left)}: {time_is_over}")
        for state in ("failed", "killed"):
            self.state = state if state in states else self.state
        self.reason = "; ".join(reasons)


class Results:
    """What gpu.json holds; raises GanColorError where it is of another machine or kind."""

    def __init__(self, folder: Path, machine: Row, rehearsal: bool) -> None:
        self.path, self.machine, self.rehearsal = folder / FILE, machine, rehearsal
        self.parts: dict[str, PartResult] = {}
        if not self.path.exists():
            return
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self.parts = {name: PartResult(**part) for name, part in found["parts"].items()}
            before = {**found["machine"], "rehearsal": found["rehearsal"]}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise GanColorError(
                f"benchmarks gpu: {self.path} is not what the kit writes; choose another --output"
            ) from None
        now = {**machine, "rehearsal": rehearsal}
        for key in (*IDENTITY, "rehearsal"):
            if before.get(key) != now.get(key):
                raise GanColorError(
                    f"benchmarks gpu: {self.path} was measured with {key} = {before.get(key)!r}, "
                    f"found {now.get(key)!r} here; choose another --output"
                )

    def write(self) -> None:
        """Replace gpu.json as a whole."""
        parts = {name: vars(part) for name, part in self.parts.items()}
        found = {"rehearsal": self.rehearsal, "machine": self.machine, "parts": parts}
        write_text(self.path, json.dumps(found, indent=1))
