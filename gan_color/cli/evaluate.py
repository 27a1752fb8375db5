"""gan-color evaluate."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gan_color.cli.app import DeviceOption
from gan_color.cli.metric_options import (
    AlexnetOption,
    FrechetArgsOption,
    FrechetDropOption,
    FrechetOption,
    FrechetWeightsOption,
    InceptionOption,
    ProtocolOption,
    find_judges,
)
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import find_model

if TYPE_CHECKING:
    from gan_color.evaluation.evaluator import Result


def evaluate(
    data: Annotated[Path, typer.Option("--data", "-d", help="A folder of colour photographs.")],
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            "-m",
            parser=find_model,
            help="A model.safetensors file or a shipped model's name; repeatable.",
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(help="Measured beside: truth, grey, saturated, hue-shifted, none."),
    ] = None,
    protocol: ProtocolOption = "imagenet5k-crop",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a page with pictures and plots here.")
    ] = None,
    inception: InceptionOption = None,
    alexnet: AlexnetOption = None,
    frechet: FrechetOption = None,
    frechet_weights: FrechetWeightsOption = "pretrained",
    frechet_args: FrechetArgsOption = "{}",
    frechet_drop: FrechetDropOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure models on a folder of colour photographs, beside the all-grey answer.

    gan-color evaluate --model runs/demo/model.safetensors --data datasets/samples/valid
    gan-color evaluate --model a.safetensors --model b.safetensors --data val/ \\
        --json figures.json --html figures.html --inception weights-inception-2015-12-05.pth
    gan-color evaluate --reference truth --reference saturated --data val/
    torchrun --nproc-per-node 4 -m gan_color evaluate --model a.safetensors --data val/ --json f
    """
    from gan_color import distributed
    from gan_color.atomic import write_text
    from gan_color.distributed import choose_device
    from gan_color.evaluation.evaluator import evaluate as measure
    from gan_color.evaluation.predictors import load_answers
    from gan_color.evaluation.predictors import reference as reference_answer
    from gan_color.evaluation.protocols import Protocol
    from gan_color.evaluation.report import write_page

    place = choose_device(device)
    chosen = Protocol(protocol)
    references = reference if reference is not None else (["grey"] if model else [])
    answers = load_answers(list(model or ()), chosen, place)
    answers += [reference_answer(name) for name in dict.fromkeys(references) if name != "none"]
    if not answers:
        raise GanColorError("evaluate: expected --model FILE or --reference NAME")
    judges = find_judges(inception, alexnet, frechet, frechet_weights, frechet_args, frechet_drop)
    distributed.start(place)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            work = json_file.absolute().parent if json_file else Path(temporary)
            if distributed.ranks() > 1 and json_file is None:
                raise GanColorError("evaluate: several processes meet beside a file: give --json")
            results, summary = measure(answers, data, chosen, judges, place, work)
            if summary is None:
                return
            if json_file is not None:
                records = [result.figures for result in results]
                write_text(json_file, json.dumps(_shaped(records, len(model or ())), indent=1))
            if html_file is not None:
                write_page(html_file, results, summary, chosen)
            _print(results)
            summary.discard()
    finally:
        distributed.stop()


def _shaped(records: list[dict[str, object]], models: int) -> object:
    """One model's record with its references inside it; of several answers, a list."""
    if models == 1:
        references = {str(record["answer"]): record for record in records[1:]}
        return {**records[0], "references": references}
    return records


def _print(results: "list[Result]") -> None:
    from gan_color.evaluation.report import ABSENT, ROWS, cell, reasons

    first = results[0].figures
    for line in first["unreadable"]:
        typer.echo(f"skipped {line}", err=True)
    typer.echo(f"{first['n']} pictures, protocol {first['protocol']}; 95 % intervals in brackets")
    typer.echo(f"colourfulness of the truth: {cell(first, 'colorfulness_truth', 3)}")
    names = [result.answer.name for result in results]
    typer.echo(f"{'':<26}" + "".join(f"{name:>30}" for name in names))
    for key, title, digits in ROWS:
        cells = [cell(result.figures, key, digits) for result in results]
        if any(text != ABSENT for text in cells):
            typer.echo(f"{title:<26}" + "".join(f"{text:>30}" for text in cells))
    for reason, keys in reasons(results).items():
        typer.echo(f"without {', '.join(keys)}: {reason}", err=True)
    if "warning" in first:
        typer.echo(f"note: {first['warning']}", err=True)
