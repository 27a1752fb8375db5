"""Types that are what they look like: no text for a number, no number for true or false.

gan_color/strict_types.py does the same for configurations; a test holds the two to each other.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def strict_fields(model: type[BaseModel], data: dict[str, Any]) -> dict[str, Any]:
    """The data with each field's value by `strict`; ValidationError for all that are refused."""
    found, wrong = dict(data), []
    for name, field in model.model_fields.items():
        if name in data:
            try:
                found[name] = strict(data[name], field.annotation)
            except ValueError as error:
                kind = PydanticCustomError("strict_type", "{said}", {"said": str(error)})
                wrong.append(InitErrorDetails(type=kind, loc=(name,), input=data[name]))
    if wrong:
        raise ValidationError.from_exception_data(model.__name__, wrong)
    return found


def strict(value: Any, annotation: Any) -> Any:
    """The value, where pydantic would read another type's value into the annotation's: refused."""
    if isinstance(value, list | tuple):
        return _strict_items(value, annotation)
    if isinstance(value, dict):
        kinds = [get_args(member) for member in _members(annotation) if get_origin(member) is dict]
        return {k: strict(v, kinds[0][1]) for k, v in value.items()} if kinds else value
    types = _leaves(annotation)
    if Any in types or not isinstance(value, bool | int | float | str | Path):
        return value
    if isinstance(value, str | Path):
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
            return [strict(item, kind) for item, kind in zip(value, items, strict=True)]
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
