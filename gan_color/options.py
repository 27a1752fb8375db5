"""What every part of the configuration is made of."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError


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
        if not isinstance(data, dict):
            return data
        found, wrong = dict(data), []
        for name, field in cls.model_fields.items():
            if name in data:
                try:
                    found[name] = _strict(data[name], field.annotation)
                except ValueError as error:
                    kind = PydanticCustomError("strict_type", "{said}", {"said": str(error)})
                    wrong.append(InitErrorDetails(type=kind, loc=(name,), input=data[name]))
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return found


def _strict(value: Any, annotation: Any) -> Any:
    """The value, where pydantic would read another type's value into the annotation's: refused."""
    if isinstance(value, list | tuple):
        return _strict_items(value, annotation)
    if isinstance(value, dict):
        kinds = [get_args(member) for member in _members(annotation) if get_origin(member) is dict]
        return {k: _strict(v, kinds[0][1]) for k, v in value.items()} if kinds else value
    types = _leaves(annotation)
    if Any in types or not isinstance(value, bool | int | float | str | Path):
        return value
    if isinstance(value, str | Path):
        if Path in types:
            return expand_user(value)
        if not types & {str, Path} and types & {bool, int, float}:
            raise ValueError(f"found {value!r}, expected {_expected(types)}")
    elif isinstance(value, bool):
        if bool not in types and types & {int, float}:
            raise ValueError(f"found {str(value).lower()}, expected {_expected(types)}")
    elif bool in types and not types & {int, float}:
        raise ValueError(f"found {value!r}, expected {_expected(types)}")
    elif isinstance(value, float) and float not in types and int in types and value.is_integer():
        return int(value)
    return value


def _strict_items(value: list[Any] | tuple[Any, ...], annotation: Any) -> Any:
    for candidate in _members(annotation):
        if get_origin(candidate) in (tuple, list):
            items = get_args(candidate)
            if ... in items or len(items) != len(value):  # how many there may be, pydantic says
                items = items[:1] * len(value)
            return [_strict(item, kind) for item, kind in zip(value, items, strict=True)]
    return value


def _members(annotation: Any) -> list[Any]:
    """What a union is made of, without the metadata of Annotated."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    arguments = get_args(annotation)
    if get_origin(annotation) in (tuple, list, dict, Literal) or not arguments:
        return [annotation]
    return [member for argument in arguments for member in _members(argument)]


def _leaves(annotation: Any) -> set[Any]:
    """The plain types that a value may have: those of a Literal's values among them."""
    found: set[Any] = set()
    for member in _members(annotation):
        if get_origin(member) is Literal:
            found |= {type(value) for value in get_args(member)}
        else:
            found.add(get_origin(member) or member)
    return found


def _expected(types: set[Any]) -> str:
    if bool in types:
        return "true or false"
    return "a number" if float in types else "a whole number"


def expand_user(path: str | Path) -> Any:
    """A path whose ~ is the home folder, of the type it had; ValueError for an unknown user's."""
    try:
        return type(path)(Path(path).expanduser()) if str(path).startswith("~") else path
    except RuntimeError:
        raise ValueError(f"found {str(path)!r}, expected a user's home that is known") from None


# A file's path or a word such as "pretrained".
WeightsPath = Annotated[str, AfterValidator(expand_user)]

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
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
        return f"{origin}: {key}: found {found!r}, expected {expected}{hint}"
    if error["type"] == "string_type" and isinstance(found, bool | int | float):
        return f"{origin}: {key}: found {found!r}, expected text: write it in quotes"
    shown = repr(found) if not isinstance(found, dict | list) else f"a {type(found).__name__}"
    return f"{origin}: {key}: found {shown}, {message[:1].lower()}{message[1:]}"


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
