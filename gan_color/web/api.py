"""The REST interface: /health, /limits, /models, /colorize. Every error is JSON."""

import asyncio
import base64
import json
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, PackageLoader
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from gan_color.errors import GanColorError
from gan_color.inference.hints import parse_hints
from gan_color.inference.pipeline import ColorizeOptions
from gan_color.models import registry
from gan_color.options import explain
from gan_color.web import colorize as colorizing
from gan_color.web.limits import Limits, RequestError
from gan_color.web.model_cache import ModelCache
from gan_color.web.request_queue import ClientDisconnected, RequestQueue
from gan_color.web.schemas import (
    FILE_FIELDS,
    Architecture,
    ColorizeForm,
    Error,
    Health,
    ImagePair,
    Model,
    Models,
    RequestLimits,
)
from gan_color.web.upload import drain, read_form

# Neither a browser nor a proxy may store a photo.
PRIVATE = {"Cache-Control": "no-store"}
LONGEST_MESSAGE = 1000  # characters
SCENES = "Scenes"  # header of a colorized image: what it shows, as JSON in ASCII
TEMPLATES = Environment(
    loader=PackageLoader("gan_color.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def create_api(cache: ModelCache, limits: Limits) -> FastAPI:
    """The application to mount at /api."""
    api = FastAPI(
        title="gan_color",
        version=version("gan-color"),
        description="Colorizes photos. A photo is held in memory while it is colorized, and stored "
        "nowhere.",
        docs_url=None,
        redoc_url=None,
    )
    queue = api.state.queue = RequestQueue(limits)
    answer_errors_with_json(api)

    @api.head("/health", include_in_schema=False)
    @api.get("/health")
    def health() -> Health:
        """Is the server alive, and how busy?"""
        return Health(
            status="ok",
            version=version("gan-color"),
            device=str(cache.device),
            models=len(cache.files()),
            requests=queue.taken,
            requests_limit=limits.requests,
        )

    @api.get("/limits")
    def show_limits() -> RequestLimits:
        """The limits of a request."""
        return RequestLimits.model_validate(asdict(limits))

    @api.get("/models")
    def list_models() -> Models:
        """The available models. A file added to the folder is listed at once."""
        return Models(
            models=[Model(**file.describe()) for file in cache.files().values()],
            architectures=[
                Architecture(name=name, paper=registry.model_class(name).paper)
                for name in registry.names()
            ],
        )

    @api.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(TEMPLATES.get_template("docs.html").render(api.openapi()))

    @api.post(
        "/colorize",
        response_class=Response,
        responses=_responses(),
        openapi_extra={"requestBody": _request_body(limits)},
    )
    async def colorize(request: Request) -> Response:
        """Colorize a photo."""
        try:
            async with queue.slot(request.client.host if request.client else "") as extend:
                fields = await read_form(request, limits)
                form = _parse(fields, limits)
                extend(await asyncio.to_thread(colorizing.pixels_of, form.file, limits))
                work = partial(_colorize, form)
                name, result = await queue.run(work, partial(_disconnected, request))
        except RequestError:
            if not queue.stopping:
                await drain(request, limits.upload_bytes)
            raise
        media_type = colorizing.MEDIA_TYPES[form.format]
        if form.response == "image":
            scenes = {SCENES: json.dumps(result.scenes)} if result.scenes else {}
            return Response(result.after, media_type=media_type, headers={**PRIVATE, **scenes})
        pair = ImagePair(
            model=name,
            width=result.width,
            height=result.height,
            before=_data_url(result.before, media_type),
            after=_data_url(result.after, media_type),
            scenes=result.scenes,
        )
        return JSONResponse(pair.model_dump(), headers=PRIVATE)

    def _colorize(form: ColorizeForm) -> tuple[str, colorizing.ColorizedImages]:
        file = cache.find(form.model)
        photo = colorizing.read_photo(form.file, limits)
        colorizing.check_work(photo, form.render, limits)
        options = ColorizeOptions(
            form.render,
            saturation=form.saturation,
            strength=form.strength,
            hints=tuple(parse_hints(form.hints, "request", limits.hints)),
            reference=colorizing.read_palette(form.reference, limits),
            variant=form.variant,
        )
        mask = colorizing.read_mask(form.keep, photo, limits)
        both = form.response == "json"
        model, note = cache.load(file)
        return file.name, colorizing.colorize_photo(
            model, note, photo, options, form.format, both, mask
        )

    return api


def _parse(fields: dict[str, str | bytes], limits: Limits) -> ColorizeForm:
    file = fields.get("file", b"")
    for name in FILE_FIELDS:
        if isinstance(fields.get(name), str):
            raise GanColorError(f"{name}: found text, expected a file part with a filename")
    if not file:
        raise GanColorError("file: found none or an empty one, expected a photo")
    try:
        form = ColorizeForm.model_validate(fields)
    except ValidationError as error:
        raise GanColorError(explain(error, ColorizeForm, "request")) from None
    if form.render > limits.render:
        raise GanColorError(f"render: found {form.render}, expected 32 to {limits.render} (pixels)")
    return form


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _request_body(limits: Limits) -> dict[str, Any]:
    schema = ColorizeForm.model_json_schema()
    schema["properties"]["render"]["maximum"] = limits.render
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _responses() -> dict[int | str, dict[str, Any]]:
    image = {"schema": {"type": "string", "format": "binary"}}
    pair = {"schema": {"$ref": "#/components/schemas/ImagePair"}}
    errors = {
        400: "The form is damaged.",
        413: "The upload is too large.",
        415: "The request is not multipart/form-data.",
        422: "The file is not a photo, is damaged or too large, or an option is out of range.",
        408: "The form did not arrive in time.",
        429: "One client has too many requests under way; Retry-After says when to try again.",
        503: "The server is busy or stopping, or the request timed out; Retry-After says when to "
        "try again.",
    }
    responses: dict[int | str, dict[str, Any]] = {
        code: {"description": text, "model": Error} for code, text in errors.items()
    }
    responses[200] = {
        "description": "The colorized image, or JSON with both.",
        "headers": {
            SCENES: {
                "description": "What the photo shows, as JSON: name, probability. Only from models "
                "with scene classes.",
                "schema": {"type": "string"},
            }
        },
        "model": ImagePair,
        "content": dict.fromkeys(colorizing.MEDIA_TYPES.values(), image)
        | {"application/json": pair},
    }
    return responses


def answer_errors_with_json(app: FastAPI) -> None:
    """Have the application answer errors, unknown paths included, with `Error`."""

    def answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
        if len(message) > LONGEST_MESSAGE:  # it repeats what was sent
            message = f"{message[:LONGEST_MESSAGE]}…"
        return JSONResponse({"error": message}, status, headers={**PRIVATE, **(headers or {})})

    @app.exception_handler(GanColorError)
    async def refused(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, RequestError):
            return answer(error.status, str(error), error.headers)
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        found = f"{request.method} {request.url.path}"
        message = f"request: found {found[:200]!r}, expected what /api/docs lists ({error.detail})"
        return answer(error.status_code, message, dict(error.headers or {}))

    @app.exception_handler(ClientDisconnected)
    async def disconnected(request: Request, error: Exception) -> Response:
        return Response(status_code=499)  # nobody reads it
