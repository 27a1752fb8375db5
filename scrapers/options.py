"""Strict options parsed from YAML, with one-line errors."""

import difflib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from scrapers.errors import ScraperError
from scrapers.strict_types import strict_fields
from scrapers.yaml_core import parse_yaml


class Strict(BaseModel):
    """Unknown keys and values of another type are errors; nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _keys_and_types(cls, data: Any) -> Any:
        if isinstance(data, dict) and cls.model_config["extra"] == "forbid":
            for key in data:
                if key not in cls.model_fields:
                    close = difflib.get_close_matches(str(key), cls.model_fields, n=1)
                    hint = f"; did you mean {close[0]!r}?" if close else ""
                    known = ", ".join(cls.model_fields)
                    raise ValueError(f"unknown key {key!r}, expected one of {known}{hint}")
        return strict_fields(cls, data) if isinstance(data, dict) else data


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; ScraperError for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScraperError(f"cannot read {str(path)!r}: {error}") from None
    data = parse_yaml(text, str(path))
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise ScraperError(f"{path} holds {found}, expected a mapping")
    return data


Model = TypeVar("Model", bound=Strict)


def parse(model: type[Model], data: dict[str, Any], where: Path | str) -> Model:
    """Validate a mapping; ScraperError names the first bad key and what was expected."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "recipe"
        message = first["msg"].removeprefix("Value error, ")
        raise ScraperError(f"{where}: {key}: {message}") from None
