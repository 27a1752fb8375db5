"""gan-color evaluate."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gan_color.cli.app import DeviceOption
from gan_color.cli.metric_options import (
    ClassifierKwargsOption,
    ClassifierOption,
    ClassifierWeightsOption,
    FidWeightsOption,
    FrechetKwargsOption,
    FrechetOption,
    FrechetRemoveOption,
    FrechetWeightsOption,
    KeepGrayOption,
    LpipsWeightsOption,
    ProtocolOption,
    SecondFrechetOption,
    create_classifier,
    create_metric_networks,
)
from gan_color.cli.output_file import output_file
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import find_model

if TYPE_CHECKING:
    from gan_color.evaluation.evaluator import Result
    from gan_color.evaluation.protocols import EvalProtocol


def evaluate(
    data: Annotated[Path, typer.Option("--data", "-d", help="A folder of color photographs.")],
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            "-m",
            parser=find_model,
            help="A model.safetensors file or a shipped model's name; repeatable.",
        ),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="Evaluated beside: truth, gray, saturated, hue-shifted, none."),
    ] = None,
    protocol: ProtocolOption = "imagenet5k-crop",
    keep_gray: KeepGrayOption = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", parser=output_file, help="Write the figures here.")
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", parser=output_file, help="Write a page with photos and plots here."),
    ] = None,
    hints: Annotated[
        int | None,
        typer.Option(
            help="Also PSNR with up to so many points of the truth, and with its palette.",
            metavar="N",
            min=1,
        ),
    ] = None,
    fid_weights: FidWeightsOption = None,
    lpips_weights: LpipsWeightsOption = None,
    frechet: FrechetOption = None,
    frechet_weights: FrechetWeightsOption = "pretrained",
    frechet_kwargs: FrechetKwargsOption = "{}",
    frechet_remove_modules: FrechetRemoveOption = None,
    second_frechet: SecondFrechetOption = None,
    classifier: ClassifierOption = None,
    classifier_weights: ClassifierWeightsOption = "pretrained",
    classifier_kwargs: ClassifierKwargsOption = "{}",
    device: DeviceOption = "auto",
) -> None:
    """Measure models on a folder of color photographs, beside the all-gray baseline.

    gan-color evaluate --model runs/demo/model.safetensors --data datasets/samples/val
    gan-color evaluate --model a.safetensors --model b.safetensors --data val/ \\
        --json figures.json --html figures.html --fid-weights weights-inception-2015-12-05.pth
    gan-color evaluate --baseline truth --baseline saturated --data val/
    torchrun --nproc-per-node 4 -m gan_color evaluate --model a.safetensors --data val/ --json f
    """
    from gan_color import distributed
    from gan_color.atomic import write_text
    from gan_color.distributed import choose_device
    from gan_color.evaluation.evaluator import evaluate as measure
    from gan_color.evaluation.hint_curve import check_hintable
    from gan_color.evaluation.predictors import baseline as create_baseline
    from gan_color.evaluation.predictors import load_predictors
    from gan_color.evaluation.protocols import EvalProtocol
    from gan_color.evaluation.report import write_page

    place = choose_device(device)
    chosen = EvalProtocol(protocol, keep_gray=keep_gray)
    names = baseline if baseline is not None else (["gray"] if model else [])
    predictors = load_predictors(list(model or ()), chosen, place)
    if hints is not None and not model:
        raise GanColorError("--hints: expected --model FILE: baselines take none")
    for predictor in predictors if hints is not None else ():
        assert predictor.model is not None
        check_hintable(predictor.model, chosen, predictor.name)
    predictors += [create_baseline(name) for name in dict.fromkeys(names) if name != "none"]
    if not predictors:
        raise GanColorError("evaluate: expected --model FILE or --baseline NAME")
    networks = create_metric_networks(
        fid_weights,
        lpips_weights,
        frechet,
        frechet_weights,
        frechet_kwargs,
        frechet_remove_modules,
        second_frechet,
    )
    networks.classifier = create_classifier(classifier, classifier_weights, classifier_kwargs)
    distributed.init(place)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            work = json_file.absolute().parent if json_file else Path(temporary)
            if distributed.world_size() > 1 and json_file is None:
                raise GanColorError("evaluate: several processes meet beside a file: give --json")
            results, summary = measure(predictors, data, chosen, networks, place, work)
            if summary is None:
                return
            if hints is not None:
                _measure_hints(results, data, chosen, hints)
            if json_file is not None:
                records = [result.figures for result in results]
                write_text(json_file, json.dumps(_shaped(records, len(model or ())), indent=1))
            if html_file is not None:
                write_page(html_file, results, summary, chosen)
            _print(results)
            _print_hints(results)
            summary.discard()
    finally:
        distributed.destroy()


def _shaped(records: list[dict[str, object]], models: int) -> object:
    """One model's record with its baselines inside it; of several predictors, a list."""
    if models == 1:
        baselines = {str(record["predictor"]): record for record in records[1:]}
        return {**records[0], "baselines": baselines}
    return records


def _measure_hints(
    results: "list[Result]", data: Path, protocol: "EvalProtocol", most: int
) -> None:
    """Put what each model does with hints into its figures, as "hints", "palette" and
    "hint_reach".
    """
    from gan_color.evaluation.hint_curve import counts_up_to, hint_curve
    from gan_color.images.files import find_images

    for result in results:
        model = result.predictor.model
        if model is not None:
            found = hint_curve(model, find_images(data), protocol, counts_up_to(most))
            result.figures.update(hints=found.curve, palette=found.palette, hint_reach=found.reach)


def _print_hints(results: "list[Result]") -> None:
    for result in results:
        curve = result.figures.get("hints", ())
        if curve:
            typer.echo(f"\n{result.predictor.name} with points of the truth")
            typer.echo(f"{'points':>8}{'PSNR':>9}{'gain':>9}")
        for row in curve:
            gain = row["psnr"] - curve[0]["psnr"]
            typer.echo(f"{row['points']:>8}{row['psnr']:>9.2f}{gain:>+9.2f}")
        if curve:
            found = result.figures["palette"]
            gain = found["psnr"] - curve[0]["psnr"]
            typer.echo(
                f"{'palette':>8}{found['psnr']:>9.2f}{gain:>+9.2f}   "
                f"colorfulness {found['colorfulness']:.0%} of the truth's"
            )
            if reach := result.figures["hint_reach"]:
                typer.echo(f"what the first point changes is {reach:.0f} pixels from it on average")


def _print(results: "list[Result]") -> None:
    from gan_color.evaluation.report import ABSENT, ROWS, cell, describe_images, reasons

    first = results[0].figures
    for line in first["unreadable"]:
        typer.echo(f"skipped {line}", err=True)
    typer.echo(describe_images(first))
    typer.echo(f"colorfulness of the truth: {cell(first, 'colorfulness_truth', 3)}")
    names = [result.predictor.name for result in results]
    typer.echo(f"{'':<26}" + "".join(f"{name:>30}" for name in names))
    for key, title, digits in ROWS:
        cells = [cell(result.figures, key, digits) for result in results]
        if any(text != ABSENT for text in cells):
            typer.echo(f"{title:<26}" + "".join(f"{text:>30}" for text in cells))
    for reason, keys in reasons(results).items():
        typer.echo(f"without {', '.join(keys)}: {reason}", err=True)
    if "warning" in first:
        typer.echo(f"note: {first['warning']}", err=True)
