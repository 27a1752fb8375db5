"""What the requests and answers of the REST interface hold."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from gan_color.errors import GanColorError
from gan_color.inference.options import MOST_VARIANTS
from gan_color.inference.saturation import VIVIDNESS, check_saturation, parse_saturation


class Error(BaseModel):
    """Why a request failed: what was found, what was expected."""

    error: str


class Model(BaseModel):
    """A model that `colorize` accepts."""

    name: str
    architecture: str
    paper: str
    bytes: int
    hints: Annotated[bool, Field(description="Takes colors for points of the photo.")]
    variants: Annotated[bool, Field(description="Has other plausible answers to choose from.")]
    good_at: Annotated[str, Field(description="In words, such as: people. Empty: not said.")]
    bad_at: Annotated[str, Field(description="The same.")]


class Architecture(BaseModel):
    """A kind of model that this version knows, whether or not the server has a file of it."""

    name: str
    paper: str


class Models(BaseModel):
    """Usable model files, the default first, and known architectures."""

    models: list[Model]
    architectures: list[Architecture]


class Health(BaseModel):
    """The server is alive; its load."""

    status: Literal["ok"]
    version: str
    device: str
    models: int
    requests: int
    requests_limit: int


class RequestLimits(BaseModel):
    """The largest photo and render size that `colorize` accepts, its most hints and its time."""

    upload_bytes: int
    pixels: int
    render: int
    hints: Annotated[int, Field(description="Points of a photo whose colors are given.")]
    timeout: Annotated[
        float, Field(description="Seconds, for photos of up to 12 megapixels; more in proportion.")
    ]


class ImagePair(BaseModel):
    """Both images as data URLs, upright, in the requested format; and what they show."""

    model: str
    width: int
    height: int
    before: str
    after: str
    scenes: Annotated[
        dict[str, float],
        Field(description="Name: probability, likeliest first; empty without scene classes."),
    ]


def _saturation(value: object) -> float | str:
    saturation = parse_saturation(str(value))
    try:
        check_saturation(saturation)
    except GanColorError as error:
        raise ValueError(str(error).removeprefix("saturation: ")) from None
    return saturation


class ColorizeForm(BaseModel):
    """A photo and what to do with it."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[
        bytes, Field(description="The photo.", json_schema_extra={"format": "binary"}, min_length=1)
    ]
    model: Annotated[str | None, Field(description="A name from /models; default: the first.")] = (
        None
    )
    render: Annotated[
        int, Field(description="Shorter side of the model's input, in pixels.", ge=32)
    ] = 256
    saturation: Annotated[
        float | str,
        Field(description="Multiplies the model's chroma; or a word, for models with hints."),
        PlainValidator(_saturation),
        WithJsonSchema(
            {"anyOf": [{"type": "number", "minimum": 0, "maximum": 4}, {"enum": list(VIVIDNESS)}]}
        ),
    ] = 1.0
    strength: Annotated[
        float,
        Field(
            description="0: the photo's own colors, 1: the model's.",
            ge=0,
            le=1,
            allow_inf_nan=False,
        ),
    ] = 1.0
    hints: Annotated[
        str,
        Field(
            description="Colors of points of the photo as it is shown, for models that take them: "
            'JSON such as [{"x": 120, "y": 80, "color": "#e0c040"}].',
            json_schema_extra={"contentMediaType": "application/json"},
        ),
    ] = "[]"
    reference: Annotated[
        bytes | None,
        Field(
            description="A photo with the colors that this one is to have, for models with hints.",
            json_schema_extra={"format": "binary"},
        ),
    ] = None
    keep: Annotated[
        bytes | None,
        Field(
            description="A picture of the photo's shape: what is white in it stays as it is.",
            json_schema_extra={"format": "binary"},
        ),
    ] = None
    variant: Annotated[
        int,
        Field(
            description="0: the model's own answer; others: another plausible one, of models with "
            "variants. A number always gives the same.",
            ge=0,
            le=MOST_VARIANTS,
        ),
    ] = 0
    format: Annotated[
        Literal["jpeg", "png", "webp"], Field(description="Of the images in the response.")
    ] = "jpeg"
    response: Annotated[
        Literal["image", "json"], Field(description="The colorized image, or JSON with both.")
    ] = "image"


# The fields that are files: what a form may have of them, each once.
FILE_FIELDS = tuple(
    name
    for name, schema in ColorizeForm.model_json_schema()["properties"].items()
    if "binary" in (schema.get("format"), *(each.get("format") for each in schema.get("anyOf", ())))
)
