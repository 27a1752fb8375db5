"""One start of the kit: part after part, within its minutes, going on where the last one ended."""

import time
from collections.abc import Sequence

from benchmarks.gpu import process, table
from benchmarks.gpu.parts import PARTS, Part
from benchmarks.gpu.results import PartResult, Results
from benchmarks.gpu.settings import Settings
from benchmarks.harness import Row
from gan_color.console import console

PLANNED_MINUTES = 25.0  # what the parts' seconds are meant for


def run_kit(
    settings: Settings, machine: Row, minutes: float, parts: Sequence[Part] = PARTS
) -> Results:
    """Measure what gpu.json lacks, and write gpu.json and gpu.md into the settings' folder.

    A part has its own most seconds (more in a start of more than 25 minutes), and what the parts
    before have left of the time. Raises GanColorError for a folder of another machine.
    """
    results = Results(settings.folder, machine, settings.rehearsal)
    deadline = time.monotonic() + 60 * minutes
    scale = max(1.0, minutes / PLANNED_MINUTES)
    for part in parts:
        result = results.parts.setdefault(part.name, PartResult())
        keys = list(part.measurements(settings))
        to_do = result.to_do(keys)
        if to_do:
            _measure_part(part, settings, results, to_do, deadline, scale * part.most)
            left = max(0.0, deadline - time.monotonic())
            result.conclude(keys, f"not in this start, {left:.0f} s before its end")
        results.write()
        table.write(settings.folder, results, parts)
        _say(f"{part.name}: {result.state} {result.reason}".strip())
    return results


def _measure_part(
    part: Part,
    settings: Settings,
    results: Results,
    to_do: list[str],
    deadline: float,
    most: float,
) -> None:
    result = results.parts[part.name]
    result.state, result.reason = "running", ""
    start = last = time.monotonic()
    end = min(deadline, start + settings.patience * most)
    each = settings.patience * part.each
    while to_do and end - time.monotonic() > part.least:
        keys = to_do[:1] if part.alone else to_do
        for outcome in process.measure(part.measurements, settings, keys, each, end):
            to_do = to_do[1:]
            if outcome.state == "done":
                result.add(outcome.key, outcome.rows)
            elif outcome.state in ("failed", "killed"):
                result.went_wrong(outcome.key, outcome.state, outcome.reason)
            results.write()
            seconds = time.monotonic() - last
            last += seconds
            text = f"  {part.name}: {outcome.key}: {outcome.state} after {seconds:.1f} s"
            _say(f"{text} {outcome.reason}".rstrip())
    result.seconds = round(result.seconds + time.monotonic() - start, 1)


def _say(text: str) -> None:
    console.print(text, markup=False)
