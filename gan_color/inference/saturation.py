"""How much color: a factor of the model's chroma, or a word that a model is told."""

from collections.abc import Sequence

from gan_color.errors import GanColorError

# The mean chroma asked for, over the one of the model's own answer.
VIVIDNESS = {"muted": 0.6, "natural": 1.0, "vivid": 1.5}


def gain_of(saturation: float | str) -> float:
    """The factor of chroma that a saturation is; a word is no factor."""
    return 1.0 if isinstance(saturation, str) else saturation


def check_saturation(saturation: float | str) -> None:
    """GanColorError for what is neither a factor nor a word."""
    words: Sequence[str] = tuple(VIVIDNESS)
    known = saturation in words if isinstance(saturation, str) else 0 <= saturation <= 4
    if not known:
        raise GanColorError(
            f"saturation: found {saturation!r}, expected 0 to 4, or {', '.join(words)}"
        )


def parse_saturation(text: str) -> float | str:
    """A factor, or a word as it stands; `check_saturation` checks both."""
    try:
        return float(text)
    except ValueError:
        return text
