"""gan-color serve."""

from pathlib import Path
from typing import Annotated

import typer

from gan_color.cli.app import DeviceOption, wait_passively
from gan_color.errors import GanColorError


def serve(
    models: Annotated[
        Path | None,
        typer.Option(help="NAME.safetensors files, or run folders with a model.safetensors."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 7860,
    root_path: Annotated[str, typer.Option(help="Path prefix behind a proxy, e.g. /color.")] = "",
    device: DeviceOption = "auto",
    upload_mb: Annotated[float, typer.Option(help="Largest upload, in MB.", min=0.01)] = 25,
    megapixels: Annotated[float, typer.Option(help="Largest photo.", min=0.01)] = 50,
    timeout: Annotated[
        float, typer.Option(help="Seconds per request, of a photo up to 12 MP.", min=1)
    ] = 60,
    queue: Annotated[int, typer.Option(help="Requests at a time; more get 503.", min=1)] = 16,
    workers: Annotated[int, typer.Option(help="Photos colorized at a time.", min=1)] = 1,
    max_models: Annotated[int, typer.Option(help="Models kept in memory.", min=1)] = 2,
    per_address: Annotated[int, typer.Option(help="Requests of one client at a time.", min=1)] = 8,
    body_timeout: Annotated[float, typer.Option(help="Seconds for an upload.", min=1)] = 30,
    access_log: Annotated[bool, typer.Option("--access-log", help="A line per request.")] = False,
    trusted_host: Annotated[
        list[str] | None,
        typer.Option(help="A name the Host header may have, such as *.example.com; repeatable."),
    ] = None,
    page: Annotated[bool, typer.Option(help="Serve the web page, not only REST.")] = True,
) -> None:
    """Colorize photos over REST and on a web page, on this machine only unless --host is given.

    Models come from runs/ (or --models), followed by the one that ships with gan_color.

    gan-color serve
    gan-color serve --models runs --port 8000 --root-path /color
    """
    wait_passively()
    from gan_color.console import console

    console.print("starting: loading PyTorch, which takes some seconds")
    try:
        from gan_color.web.server import serve as run
    except ModuleNotFoundError as error:
        raise GanColorError(
            f"serve: found no package {error.name!r}; install the extra: pip install gan-color[web]"
        ) from None
    from gan_color.web.limits import Limits

    console.print("starting: looking for models")

    limits = Limits(
        upload_bytes=round(upload_mb * 1e6),
        pixels=round(megapixels * 1e6),
        timeout=timeout,
        requests=queue,
        requests_per_address=per_address,
        body_timeout=body_timeout,
        workers=workers,
        max_models=max_models,
    )
    run(
        models,
        host,
        port,
        root_path,
        device,
        limits,
        page,
        say=console.print,
        access_log=access_log,
        trusted_hosts=tuple(trusted_host or ()),
    )
