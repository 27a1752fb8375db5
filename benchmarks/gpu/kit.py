"""The command: checks what it was told, sees which machine it is on, and starts the runner."""

from pathlib import Path

from benchmarks.gpu.machine import identify
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.results import FILE
from benchmarks.gpu.runner import run_kit
from benchmarks.gpu.settings import Settings, rehearsal
from benchmarks.isolated import run_isolated
from gan_color.config.schema import load
from gan_color.config.yaml_file import find_recipe
from gan_color.errors import GanColorError

# What is trained at last: needs neither photographs nor weights of one's own.
RECIPE, TOY = "demo", "tiny"


def start(
    output: Path,
    minutes: float,
    rehearse: bool,
    recipe: Path | None,
    data: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Run the kit; raises GanColorError for a mistake, and at the end where parts went wrong."""
    recipe = recipe or find_recipe(TOY if rehearse else RECIPE)
    if data is not None and not data.is_dir():
        raise GanColorError(f"benchmarks gpu: --data: found no folder {str(data)!r}")
    load(recipe, overrides)  # a mistake in it would show after half an hour only
    arguments = output.absolute(), recipe.absolute(), data and data.absolute(), overrides
    settings = rehearsal(*arguments) if rehearse else Settings(*arguments)
    # In a process of its own, which takes its share of the GPU's memory along.
    machine = identify("cpu") if rehearse else run_isolated(identify, settings.device)
    results = run_kit(settings, machine, minutes)
    wrong = [p.name for p in PARTS if results.parts[p.name].state in ("failed", "killed")]
    if wrong:
        raise GanColorError(
            f"benchmarks gpu: {', '.join(wrong)} went wrong: see {output / FILE}; started again "
            "with the same --output, they are tried once more"
        )
