"""Strict options parsed from YAML, with one-line errors."""

import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from scrapers.errors import ScraperError


class Strict(BaseModel):
    """Unknown keys are errors; nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict) and cls.model_config["extra"] == "forbid":
            for key in data:
                if key not in cls.model_fields:
                    close = difflib.get_close_matches(str(key), cls.model_fields, n=1)
                    hint = f"; did you mean {close[0]!r}?" if close else ""
                    known = ", ".join(cls.model_fields)
                    raise ValueError(f"unknown key {key!r}, expected one of {known}{hint}")
        return data


class _UniqueKeyLoader(yaml.SafeLoader):
    """safe_load that rejects duplicate keys, where YAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        duplicate = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
        if duplicate is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"duplicate key {duplicate!r}", node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; ScraperError for anything else."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ScraperError(f"cannot read {str(path)!r}: {error}") from None
    except yaml.YAMLError as error:
        raise ScraperError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise ScraperError(f"{path} holds {type(data).__name__}, expected a mapping")
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
