"""`data.augment.transforms`: albumentations' own serialized form, checked when it is read.

A transform is what `A.to_dict(...)["transform"]` gives, such as
{__class_fullname__: HorizontalFlip, p: 0.5}.
"""

import difflib
import inspect
import itertools
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

if TYPE_CHECKING:
    import albumentations as A

NAME = "__class_fullname__"
# Two sizes, so that a resize or crop to one of them is still seen to change the other.
TRIAL_SIZES = (64, 96)
TRIAL_SEEDS = range(4)


@contextmanager
def without_update_check() -> Iterator[None]:
    """While albumentations is imported: it would ask a server for a newer version."""
    name = "NO_ALBUMENTATIONS_UPDATE"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def build_transforms(written: Sequence[dict[str, Any]]) -> "list[A.BasicTransform]":
    """The transforms that are written; ValueError for an unknown name or wrong arguments."""
    return [_build(spec, f"[{i}]") for i, spec in enumerate(written)]


def check_transforms(written: Sequence[dict[str, Any]]) -> None:
    """Build each and try it: ValueError unless uint8 RGB [H, W, 3] stays that, of its size."""
    for i, transform in enumerate(build_transforms(written)):
        for leaf in _leaves(transform):
            _try(leaf, f"[{i}] {type(leaf).__name__}")


def _build(spec: Any, where: str) -> Any:
    with without_update_check():
        import albumentations as A
        from albumentations.core.serialization import SERIALIZABLE_REGISTRY, shorten_class_name

    if not isinstance(spec, dict) or not isinstance(spec.get(NAME), str):
        raise ValueError(f"{where}: found {spec!r}, expected {{{NAME}: HorizontalFlip, p: 0.5}}")
    name = shorten_class_name(spec[NAME])
    known = [
        key
        for key, kind in SERIALIZABLE_REGISTRY.items()
        if hasattr(A, key)
        and issubclass(kind, A.BasicTransform | A.BaseCompose)
        and key not in ("BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D")
        and not key.startswith("Base")
    ]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(
            f"{where}: found {name!r}, expected a transform of albumentations {A.__version__} "
            f"that can be serialized{hint}"
        )
    kind, where = SERIALIZABLE_REGISTRY[name], f"{where} {name}"
    arguments = {key: value for key, value in spec.items() if key != NAME}
    accepted = _accepted(kind)
    if issubclass(kind, A.BaseCompose):
        inner = arguments.get("transforms")
        if not isinstance(inner, list | tuple) or not inner:
            raise ValueError(f"{where}: transforms: found {inner!r}, expected a list of transforms")
        arguments["transforms"] = [_build(part, f"{where}[{i}]") for i, part in enumerate(inner)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # advice, such as a faster transform
            built = kind(**{k: v for k, v in arguments.items() if k in accepted})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {_reason(error)}") from None
    _refuse_unknown(built, arguments, accepted, where)
    return built


def _accepted(kind: type) -> list[str]:
    found = list(inspect.signature(kind).parameters)
    return found if "p" in found or not issubclass(kind, _basic()) else [*found, "p"]


def _refuse_unknown(built: Any, arguments: dict[str, Any], accepted: list[str], where: str) -> None:
    unknown = {key: value for key, value in arguments.items() if key not in accepted}
    if not unknown:
        return
    # A.to_dict writes some values that follow from others, and albumentations takes none of them.
    derived = _listed(built.to_dict()["transform"])
    for key, value in unknown.items():
        if key in derived and derived[key] == _listed(value):
            continue
        close = difflib.get_close_matches(key, accepted, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(
            f"{where}: {key}: unknown argument, expected one of {', '.join(accepted)}{hint}"
        )


def _listed(value: Any) -> Any:
    """With lists for tuples, as YAML and JSON have them."""
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _basic() -> type:
    import albumentations as A

    basic: type = A.BasicTransform
    return basic


def _reason(error: Exception) -> str:
    """One line; pydantic's list of errors as argument, value, what was expected."""
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(cause, ValidationError):
            first = cause.errors()[0]
            if first["type"] == "missing":
                return f"{first['loc'][0]}: missing, and it has no default"
            key = f"{first['loc'][0]}: " if first["loc"] else ""
            return f"{key}found {first['input']!r}: {first['msg']}"
    return " ".join(str(error).split())


def _leaves(transform: Any) -> Iterator[Any]:
    if isinstance(transform, _basic()):
        yield transform
    else:
        for part in transform.transforms:
            yield from _leaves(part)


def _try(leaf: Any, where: str) -> None:
    for size, seed in itertools.product(TRIAL_SIZES, TRIAL_SEEDS):
        leaf.set_random_seed(seed)
        image = np.full((size, size, 3), (200, 120, 40), np.uint8)
        image[: size // 2] = (30, 90, 160)
        try:
            found = leaf(image=image, force_apply=True)["image"]
        except Exception as error:  # whatever a transform raises, it cannot be used
            reason = _reason(error) or type(error).__name__
            raise ValueError(
                f"{where}: cannot change an RGB image alone, {size} x {size} here: {reason}"
            ) from None
        if not isinstance(found, np.ndarray) or found.dtype != np.uint8:
            kind = getattr(found, "dtype", type(found).__name__)
            raise ValueError(
                f"{where}: gives {kind}, expected uint8 RGB; leave it out, the model's input is "
                "made from the image afterwards"
            )
        if found.shape != image.shape:
            raise ValueError(
                f"{where}: makes {found.shape} of {image.shape}, expected the same size; crops are "
                "made before it, by scale, ratio and the stage's size"
            )
