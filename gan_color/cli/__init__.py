"""The command gan-color. Each command imports what it needs when it runs, so that --help is quick.

A mistake is one line on standard error and exit code 2.
"""

from collections.abc import Callable

from gan_color.cli.app import run_commands
from gan_color.cli.calibrate import calibrate
from gan_color.cli.colorize import colorize
from gan_color.cli.compare import compare
from gan_color.cli.demo import demo
from gan_color.cli.evaluate import evaluate
from gan_color.cli.export import export
from gan_color.cli.finetune import finetune
from gan_color.cli.import_weights import import_weights
from gan_color.cli.models import models
from gan_color.cli.palettes import palettes
from gan_color.cli.plan import plan
from gan_color.cli.posthoc_ema import posthoc_ema
from gan_color.cli.runs import compare_runs, runs
from gan_color.cli.serve import serve
from gan_color.cli.train import lr_find, train
from gan_color.cli.video import video

# In the order that --help lists them.
COMMANDS: list[Callable[..., None]] = [
    demo,
    colorize,
    video,
    serve,
    train,
    finetune,
    lr_find,
    runs,
    compare_runs,
    evaluate,
    compare,
    calibrate,
    palettes,
    posthoc_ema,
    export,
    import_weights,
    models,
    plan,
]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    run_commands("gan-color", "Train, run and compare photo colorizers.", COMMANDS, arguments)
