"""Weights that ship with the package, by name: a file that differs by one bit is refused."""

from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from gan_color.atomic import sha256
from gan_color.errors import GanColorError

FOLDER = Path(__file__).parents[1] / "weights"


class Shipped(NamedTuple):
    """A model file of the package: its name in FOLDER, its size, its SHA-256, and what
    gan_color.hub.strengths says of it.
    """

    file: str
    bytes: int
    sha256: str
    good_at: str
    bad_at: str


DEFAULT = "gan-color-small"
MODELS = {
    DEFAULT: Shipped(
        "gan-color-small.safetensors",
        14_103_066,
        "d67fd719e438a556c6b6bf8b0b3211d84eac21c7b3c5ca53babdce91fe0e6024",
        good_at="people, landscapes, animals, and the look of 1940s color film",
        bad_at="things whose color their lightness does not tell: clothes, cars, flowers, painted "
        "walls; strong reds are few",
    )
}


TERMS = (
    "its weights are for research and other non-commercial use, as part of the photographs they "
    "learned from are (gan_color/weights/README.md)"
)


def terms_of(path: Path) -> str:
    """What to know before a model file's colors are used: one line for a shipped one, else none."""
    shipped = {FOLDER / each.file: name for name, each in MODELS.items()}
    return f"{shipped[path]}: {TERMS}" if path in shipped else ""


def find_model(name: str | Path) -> Path:
    """The model file of that name, of a run's folder, of "hf-hub:owner/name" on the Hugging Face
    Hub (a revision of it: "hf-hub:owner/name@revision"), or the path as it is.

    A file of the user's own wins over a shipped model of the same name. Raises GanColorError for
    a damaged shipped file, for a name that is none, with those that are like it, and for what the
    Hub does not give.
    """
    if str(name).startswith("hf-hub:"):
        from gan_color.hub.hugging_face import fetch

        return fetch(str(name))
    path = Path(name)
    if path.is_dir():
        return path / "model.safetensors"
    if str(name) in MODELS and not path.exists():
        return verified(str(name))
    if path.exists() or path.suffix or path.name != str(name):
        return path
    runs = [str(found.parent) for found in Path("runs").glob("*/model.safetensors")]
    names = {Path(each).name: each for each in (*MODELS, *runs)}
    near = [names[each] for each in get_close_matches(str(name), names, n=3, cutoff=0.5)]
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    raise GanColorError(
        f"model: found {str(name)!r}, expected a file, a run's folder, {', '.join(MODELS)} "
        f"or hf-hub:owner/name{meant}"
    )


def require_model(path: Path) -> None:
    """GanColorError where there is no such file, before anything heavy is imported."""
    if not path.is_file():
        raise GanColorError(f"model: found no file {str(path)!r}, expected a model.safetensors")


def verified(name: str) -> Path:
    """Path of a shipped model whose size and hash are as recorded; raises GanColorError."""
    shipped = MODELS[name]
    path = FOLDER / shipped.file
    if not path.is_file():
        raise GanColorError(f"{name}: found no {path}, expected it there: install gan_color again")
    if (size := path.stat().st_size) != shipped.bytes:
        raise GanColorError(
            f"{name}: found {size:,} bytes in {path}, expected {shipped.bytes:,}: "
            "install gan_color again"
        )
    if (digest := sha256(path)) != shipped.sha256:
        raise GanColorError(
            f"{name}: found SHA-256 {digest[:12]}... of {path}, expected {shipped.sha256[:12]}...: "
            "install gan_color again"
        )
    return path
