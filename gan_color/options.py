"""What every part of the configuration is made of."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from gan_color.strict_types import expand_user, strict_fields


class Strict(BaseModel):
    """Unknown keys are errors; nothing changes after validation.

    Types are what they look like: no text for a number, no number for true or false. A whole number
    may be written as 1e4.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _strict_types(cls, data: Any) -> Any:
        # By field would do, but for pydantic, which wants no validator on a union's tag.
        return strict_fields(cls, data) if isinstance(data, dict) else data


# A file's path or a word such as "pretrained".
WeightsPath = Annotated[str, AfterValidator(expand_user)]

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
SHOWN = 100  # characters of what was found that a message repeats

Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(gt=0)]


def explain(error: ValidationError, model: type[BaseModel], origin: str, data: Any = None) -> str:
    """One line for all that is wrong: key, what was found, what is allowed, the closest key.

    `data` is what was validated: an item of a list goes by its `name`, where it has one.
    """
    return "; ".join(_explain_one(dict(e), model, origin, data) for e in error.errors())


def _explain_one(error: dict[str, Any], model: type[BaseModel], origin: str, data: Any) -> str:
    written, known = _follow(model, error["loc"])
    key = ".".join(_names(written, data)) or "(top level)"
    found = error["input"]
    if error["type"] == "extra_forbidden":
        hint = _closest(str(written[-1]), known)
        return f"{origin}: {key}: unknown key, expected one of {', '.join(known)}{hint}"
    if error["type"] == "missing":
        return f"{origin}: {key}: missing, and it has no default"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        if error["type"] == "union_tag_not_found":
            return f"{origin}: {key}.kind: missing, and it has no default"
        kind = found.get("kind") if isinstance(found, dict) else found
        expected = str(error["ctx"]["expected_tags"])
        hint = _closest(str(kind), [tag.strip("'") for tag in expected.split(", ")])
        return f"{origin}: {key}.kind: found {kind!r}, expected one of {expected}{hint}"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("value_error", "strict_type"):
        # Ours: the message says what was found.
        return f"{origin}: {message}" if message.startswith(key) else f"{origin}: {key}: {message}"
    if error["type"] == "literal_error":
        expected = error["ctx"]["expected"]
        hint = _closest(str(found), [word.strip("',") for word in expected.split()])
        return f"{origin}: {key}: found {_shown(found)}, expected {expected}{hint}"
    if error["type"] == "string_type" and isinstance(found, bool | int | float):
        return f"{origin}: {key}: found {found!r}, expected text: write it in quotes"
    shown = _shown(found) if not isinstance(found, dict | list) else f"a {type(found).__name__}"
    return f"{origin}: {key}: found {shown}, {message[:1].lower()}{message[1:]}"


def _shown(value: Any) -> str:
    """As it was written, the first hundred characters of it."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


def _names(written: list[Any], data: Any) -> list[str]:
    """Keys as `--set` takes them: stages.gan.lr for stages.2.lr."""
    found = []
    for part in written:
        if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            names = [item.get("name") if isinstance(item, Mapping) else None for item in data]
            name, data = names[part], data[part]
            unique = isinstance(name, str) and names.count(name) == 1
            found.append(name if unique and isinstance(name, str) else str(part))
        else:
            data = data.get(part) if isinstance(data, Mapping) else None
            found.append(str(part))
    return found


def _closest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _follow(model: type[BaseModel], location: tuple[Any, ...]) -> tuple[list[Any], list[str]]:
    """(the key as a person wrote it, the keys known where it stands).

    pydantic names the member of a union in between: ("stages", 2, "adversarial", "lr").
    """
    written: list[Any] = []
    candidates, known = [model], list(model.model_fields)
    for part in location:
        tagged = [m for m in candidates if part in _kinds(m)]
        if tagged:
            candidates = tagged
            continue
        written.append(part)
        known = sorted(set().union(*(m.model_fields for m in candidates)))
        if not isinstance(part, int):
            fields = [m.model_fields[part] for m in candidates if part in m.model_fields]
            candidates = [m for field in fields for m in _models_within(field.annotation)]
    return written, known


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    """What a model's `kind` may be: the tag that tells the members of a union apart."""
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field else ()


def _models_within(annotation: Any) -> list[type[BaseModel]]:
    """The pydantic models inside an annotation such as tuple[Model, ...] or Model | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_within(argument)]
