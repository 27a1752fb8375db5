"""gan-color export."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.output_file import output_file
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import find_model


def export(
    model: Annotated[
        Path, typer.Argument(parser=find_model, help="A model.safetensors file, or a name.")
    ],
    onnx: Annotated[
        Path | None, typer.Option(parser=output_file, help="Write it as ONNX, checked.")
    ] = None,
    fp16: Annotated[
        Path | None, typer.Option(parser=output_file, help="Write it as float16 safetensors.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="YAML or JSON, added to the training record of --fp16.")
    ] = None,
    web: Annotated[
        Path | None, typer.Option(help="Write a static site that colors in the browser: a folder.")
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(help="onnxruntime-web for --web: its .tgz, or the folder. Else: downloaded."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(parser=output_file, help="Write a model card, Markdown.")
    ] = None,
    to_hub: Annotated[
        str | None,
        typer.Option(
            help="Publish it on the Hugging Face Hub, with its card.", metavar="OWNER/NAME"
        ),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Only you see what --to-hub publishes.")
    ] = False,
) -> None:
    """Write a model in other forms. ONNX is compared with PyTorch at several sizes first.

    gan-color export runs/demo/model.safetensors --onnx demo.onnx --card MODEL_CARD.md

    gan-color export gan-color-small --web site

    gan-color export runs/demo --to-hub me/my-colorizer --private
    """
    from gan_color.atomic import write_text
    from gan_color.config.yaml_file import read_yaml
    from gan_color.hub.model_card import model_card
    from gan_color.hub.model_file import save_half

    if record and not fp16:
        raise GanColorError("export: --record belongs to the file that --fp16 writes")
    if runtime and not web:
        raise GanColorError("export: --runtime belongs to the folder that --web writes")
    if private and not to_hub:
        raise GanColorError("export: --private belongs to what --to-hub publishes")
    if not (onnx or fp16 or web or card or to_hub):
        raise GanColorError(
            "export: expected one or more of --onnx, --fp16 and --card FILE, --web FOLDER, or "
            "--to-hub OWNER/NAME"
        )
    for path in (onnx, fp16):
        if path is not None and path.exists() and path.samefile(model):
            raise GanColorError(f"export: {path} is the model itself, expected another place")
    if web is not None:
        from gan_color.web.runtime import find
        from gan_color.web.site import check_folder, write_site

        check_folder(web)
        package = find(runtime)
    notes: list[str] = []
    if fp16 is not None:
        worst = save_half(model, fp16, read_yaml(record) if record else None)
        notes.append(f"{fp16.name}: float16, weights off by {worst:.1e} of the largest at most")
    if onnx is not None:
        from gan_color.inference.onnx_model import export_onnx

        for row in export_onnx(model, onnx):
            notes.append(
                f"{onnx.name} at {row.width} x {row.height}: ab differs from PyTorch by "
                f"{row.largest:.1e} at most, {row.mean:.1e} on average (1 is 110 of a* or b*)"
            )
    if web is not None:
        notes += write_site(model, web, package)
        notes.append(f"{web}: put it on any file server; to try it: python -m http.server -d {web}")
    for note in notes:
        typer.echo(note)
    if card is not None:
        text = model_card(model, notes)
        card.parent.mkdir(parents=True, exist_ok=True)
        write_text(card, text)
        typer.echo(f"{card}: {len(text.splitlines())} lines")
    if to_hub is not None:
        from gan_color.hub.publish import publish

        typer.echo(f"published: {publish(model, to_hub, private)}")
