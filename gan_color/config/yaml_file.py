"""Finding recipes, reading them, and setting one key."""

import difflib
import json
from pathlib import Path
from typing import Any

from gan_color.config.yaml_core import parse_yaml
from gan_color.errors import GanColorError

# A wheel carries the repository's configs/ as gan_color/configs; a checkout keeps them at its top.
_PACKAGED = Path(__file__).parents[1] / "configs"
RECIPES = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2] / "configs"

# Mappings that a word alone stands for: the key whose value it is.
WORDS = {"loggers.wandb": "mode"}


def find_recipe(name: str) -> Path:
    """The file that "demo" (a recipe of this package) or "my/demo.yml" (a path) stands for.

    GanColorError for an unknown recipe, with the closest known one.
    """
    path = Path(name)
    known = sorted(recipe.stem for recipe in RECIPES.glob("*.yml"))
    if path.name != name or path.suffix:
        if path.stem in known and not path.exists():
            raise GanColorError(
                f"config: found no file {name!r}; for the recipe that ships with this package, "
                f"type --config {path.stem}"
            )
        return path
    if name in known:
        return RECIPES / f"{name}.yml"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise GanColorError(
        f"config: found no recipe {name!r}, expected a path such as ./{name}.yml or one of "
        f"{', '.join(known)}{hint}"
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file; GanColorError for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise GanColorError(f"config: found no file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise GanColorError(f"config: cannot read {str(path)!r}: {error}") from None
    data = parse_yaml(text, f"config: {path}")
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise GanColorError(
            f"config: {path} holds {found}, expected a mapping of run, model, data, stages"
        )
    return data


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one key in place: "run.seed=3", "stages.gan.lr=1e-5" (by name) or "stages.0.lr=...".

    The value is read as YAML. A word for a mapping of WORDS leaves the mapping's other keys as they
    are. GanColorError where the path cannot be followed.
    """
    path, separator, text = override.partition("=")
    path = path.strip()
    if not separator or not path:
        raise GanColorError(f"--set: found {override!r}, expected KEY.KEY=VALUE")
    value = parse_yaml(text, f"--set: {override!r}")
    if path in WORDS and isinstance(value, str):
        path = f"{path}.{WORDS[path]}"
    *parents, last = path.split(".")
    place: Any = data
    for depth, key in enumerate(parents, 1):
        if isinstance(place, dict):
            if place.get(key) is None:
                place[key] = {}
            word = WORDS.get(".".join(parents[:depth]))
            if word and isinstance(place[key], str):
                place[key] = {word: place[key]}
            place = place[key]
        else:
            place = place[_list_index(place, key, path)] if isinstance(place, list) else None
        if not isinstance(place, dict | list):
            raise GanColorError(f"--set: {path!r} leads into a value at {key!r}, not a mapping")
    if isinstance(place, list):
        place[_list_index(place, last, path)] = value
    else:
        place[last] = value


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """A configuration's values by the keys that `--set` takes: stages.gan.lr, data.folders."""
    if isinstance(value, dict):
        items = value.items()
    elif value and isinstance(value, list) and all(isinstance(item, dict) for item in value):
        items = {str(item.get("name", i)): item for i, item in enumerate(value)}.items()
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat |= flatten(item, f"{prefix}.{key}" if prefix else str(key))
    return flat


def overrides_of(path: Path) -> list[str]:
    """The overrides "KEY=VALUE" that a YAML or JSON file of one mapping KEY: VALUE stands for."""
    return [f"{key}={json.dumps(value)}" for key, value in read_yaml(path).items()]


def _list_index(items: list[Any], key: str, path: str) -> int:
    names = [item.get("name") for item in items if isinstance(item, dict)]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(items):
        return int(key)
    known = ", ".join(str(name) for name in names if name) or f"0 to {len(items) - 1}"
    raise GanColorError(f"--set: {path!r}: found {key!r} in a list, expected one of {known}")
