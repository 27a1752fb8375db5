"""The REST interface: /health, /models, /colorize. Everything that goes wrong is JSON."""

import base64
import json
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException

from gan_color.errors import GanColorError
from gan_color.inference.pipeline import ColorizeOptions
from gan_color.models import registry
from gan_color.options import explain
from gan_color.web import colorize as colorizing
from gan_color.web.docs_page import docs_page
from gan_color.web.limits import Limits, RequestError
from gan_color.web.model_cache import ModelLibrary
from gan_color.web.request_queue import Seats, VisitorLeftError
from gan_color.web.upload import drain, read_form

# Neither a browser nor a proxy may keep a visitor's picture.
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
SCENES = "Scenes"  # the header of a coloured picture that says what it shows, as JSON in ASCII


class Error(BaseModel):
    """Why a request was not answered: what was found, what was expected."""

    error: str


class Model(BaseModel):
    """A model that `colorize` accepts."""

    name: str
    architecture: str
    paper: str
    bytes: int


class Architecture(BaseModel):
    """A kind of model this version knows, whether or not a file of it is here."""

    name: str
    paper: str


class Models(BaseModel):
    """Usable model files, the default first, and known architectures."""

    models: list[Model]
    architectures: list[Architecture]


class Health(BaseModel):
    """The server is alive; how much it has to do."""

    status: Literal["ok"]
    version: str
    device: str
    models: int
    requests: int
    requests_limit: int


class Pictures(BaseModel):
    """Both pictures as data URLs, upright, in the format asked for; and what they show."""

    model: str
    width: int
    height: int
    before: str
    after: str
    scenes: Annotated[
        dict[str, float],
        Field(description="Name: probability, likeliest first; empty if the model names none."),
    ]


class ColorizeForm(BaseModel):
    """A photo and what to do with it."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[
        bytes, Field(description="The photo.", json_schema_extra={"format": "binary"}, min_length=1)
    ]
    model: Annotated[str | None, Field(description="A name from /models; else the first.")] = None
    render: Annotated[int, Field(description="Shorter side the model works at.", ge=32)] = 256
    saturation: Annotated[
        float, Field(description="Factor of the model's colours.", ge=0, le=4, allow_inf_nan=False)
    ] = 1.0
    strength: Annotated[
        float,
        Field(
            description="0: the photo's own colours, 1: the model's.",
            ge=0,
            le=1,
            allow_inf_nan=False,
        ),
    ] = 1.0
    format: Annotated[
        Literal["jpeg", "png", "webp"], Field(description="Of the pictures in the answer.")
    ] = "jpeg"
    answer: Annotated[
        Literal["picture", "json"], Field(description="The coloured picture, or JSON with both.")
    ] = "picture"


def create_api(library: ModelLibrary, limits: Limits) -> FastAPI:
    """The application to mount at /api."""
    api = FastAPI(
        title="gan_color",
        version=version("gan-color"),
        description="Colours photographs. Photos are held in memory while they are worked on, and "
        "kept nowhere.",
        docs_url=None,
        redoc_url=None,
    )
    seats = Seats(limits)
    _answer_errors_with_json(api)

    @api.get("/health")
    def health() -> Health:
        """Is the server alive, and how busy?"""
        return Health(
            status="ok",
            version=version("gan-color"),
            device=str(library.device),
            models=len(library.files()),
            requests=seats.taken,
            requests_limit=limits.requests,
        )

    @api.get("/models")
    def list_models() -> Models:
        """The models that can be asked for. A file put into the folder is listed at once."""
        return Models(
            models=[Model(**file.describe()) for file in library.files().values()],
            architectures=[
                Architecture(name=name, paper=registry.model_class(name).paper)
                for name in registry.names()
            ],
        )

    @api.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(api.openapi()))

    @api.post(
        "/colorize",
        response_class=Response,
        responses=_responses(),
        openapi_extra={"requestBody": _request_body(limits)},
    )
    async def colorize(request: Request) -> Response:
        """Colour a photo."""
        try:
            async with seats.seat():
                fields = await read_form(request, limits.upload_bytes)
                form = _parse(fields, limits)
                work = partial(_colour, form)
                name, result = await seats.run(work, partial(_disconnected, request))
        except RequestError:
            await drain(request, limits.upload_bytes)
            raise
        media_type = colorizing.MEDIA_TYPES[form.format]
        if form.answer == "picture":
            named = {SCENES: json.dumps(result.scenes)} if result.scenes else {}
            return Response(result.after, media_type=media_type, headers={**PRIVATE, **named})
        pictures = Pictures(
            model=name,
            width=result.width,
            height=result.height,
            before=_data_url(result.before, media_type),
            after=_data_url(result.after, media_type),
            scenes=result.scenes,
        )
        return JSONResponse(pictures.model_dump(), headers=PRIVATE)

    def _colour(form: ColorizeForm) -> tuple[str, colorizing.Coloured]:
        file = library.find(form.model)
        photo = colorizing.read_photo(form.file, limits)
        colorizing.check_work(photo, form.render, limits)
        options = ColorizeOptions(form.render, saturation=form.saturation, strength=form.strength)
        both = form.answer == "json"
        model, note = library.load(file)
        return file.name, colorizing.colour(model, note, photo, options, form.format, both)

    return api


def _parse(fields: dict[str, str | bytes], limits: Limits) -> ColorizeForm:
    file = fields.get("file", b"")
    if isinstance(file, str):
        raise GanColorError("file: found text, expected a file with a name")
    if not file:
        raise GanColorError("file: found none, or an empty one, expected a photo")
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
    picture = {"schema": {"type": "string", "format": "binary"}}
    pictures = {"schema": {"$ref": "#/components/schemas/Pictures"}}
    sentences = {
        400: "The form is damaged.",
        413: "The photo has too many bytes.",
        415: "The request is no multipart/form-data.",
        422: "The photo is none, is damaged or too large, or an option is not allowed.",
        503: "Too much to do, or too slow; Retry-After says when to come back.",
    }
    found: dict[int | str, dict[str, Any]] = {
        code: {"description": text, "model": Error} for code, text in sentences.items()
    }
    found[200] = {
        "description": "The coloured picture, or JSON with both.",
        "headers": {
            SCENES: {
                "description": "What the photo shows, as JSON: name, probability. Sent by models "
                "that name scenes.",
                "schema": {"type": "string"},
            }
        },
        "model": Pictures,
        "content": dict.fromkeys(colorizing.MEDIA_TYPES.values(), picture)
        | {"application/json": pictures},
    }
    return found


def _answer_errors_with_json(api: FastAPI) -> None:
    def answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"error": message}, status, headers={**PRIVATE, **(headers or {})})

    @api.exception_handler(GanColorError)
    async def refused(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, RequestError):
            return answer(error.status, str(error), error.headers)
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    @api.exception_handler(HTTPException)
    async def unknown(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        found = f"{request.method} {request.url.path}"
        message = f"request: found {found[:200]!r}, expected what /api/docs lists ({error.detail})"
        return answer(error.status_code, message, dict(error.headers or {}))

    @api.exception_handler(VisitorLeftError)
    async def left(request: Request, error: Exception) -> Response:
        return Response(status_code=499)  # nobody reads it
