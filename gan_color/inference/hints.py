"""A person's colors for points of a photo: read, given to the model, and held to in what comes out.

A model takes hints for what they are, hints. What its answer still lacks at the points is spread
over what belongs to them (`hint_spread`); then each pointed pixel gets exactly the color asked for:
the rest is laid closely around it, as far as lightness stays alike.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_color.color.lab import AB_SCALE, from_rgb8, lightness
from gan_color.errors import GanColorError
from gan_color.images.photo import Pixels
from gan_color.inference.guided_upsample import cubic_taps, fit_coefficients
from gan_color.inference.hint_spread import spread_hints
from gan_color.models.hints import Hints

COLOR = re.compile(r"#[0-9a-fA-F]{6}")
EXPECTED = "expected x, y and a color, such as 120,80,#e0c040"
PATCH = 1  # pixels of the render size around a point that the model is told, on each side
REACH = 0.03  # standard deviation of what is laid around a point, as a share of the shorter side
ALIKE = 0.12  # of L (6 L*), at which it counts exp(-1/2)
RIDGE = 1e-3  # keeps points that lie within one pixel of the render size from fighting
ROUNDS = 6
CLOSE = 0.3 / AB_SCALE  # of a* and b*


@dataclass(frozen=True)
class HintPoint:
    """The color, #rrggbb, of the pixel in column x and row y of a photo as it is shown (upright).

    Its a* and b* count: the lightness of a photo is never changed. Raises GanColorError.
    """

    x: int
    y: int
    color: str

    def __post_init__(self) -> None:
        whole = [isinstance(n, int) and not isinstance(n, bool) for n in (self.x, self.y)]
        if not all(whole) or min(self.x, self.y) < 0:
            raise GanColorError(
                f"hint: found ({self.x!r}, {self.y!r}), expected a pixel's column and row from 0"
            )
        if not isinstance(self.color, str) or not COLOR.fullmatch(self.color):
            raise GanColorError(
                f"hint: found the color {self.color!r}, expected one such as #e0c040"
            )

    @property
    def ab(self) -> Tensor:
        """[2], in -1..1."""
        rgb = torch.tensor([int(self.color[i : i + 2], 16) for i in (1, 3, 5)], dtype=torch.uint8)
        return from_rgb8(rgb.view(1, 3, 1, 1))[1].view(2)


def parse_hint(value: object) -> HintPoint:
    """A point from (x, y, color), {"x": x, "y": y, "color": color} or "x,y,color".

    Raises GanColorError.
    """
    if isinstance(value, HintPoint):
        return value
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        if len(parts) != 3 or not all(re.fullmatch(r"\d+", part) for part in parts[:2]):
            raise GanColorError(f"hint: found {value!r}, {EXPECTED}")
        return HintPoint(int(parts[0]), int(parts[1]), parts[2])
    if isinstance(value, dict) and value.keys() == {"x", "y", "color"}:
        return HintPoint(**value)
    if isinstance(value, list | tuple) and len(value) == 3:
        return HintPoint(*value)
    raise GanColorError(f"hint: found {value!r}, {EXPECTED}")


def read_hints(path: Path) -> list[HintPoint]:
    """Points from a JSON file: [{"x": 120, "y": 80, "color": "#e0c040"}, ...].

    Raises GanColorError.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise GanColorError(f"hints: {path} cannot be read: {error}") from None
    return parse_hints(text, str(path))


def parse_hints(text: str, origin: str, most: int | None = None) -> list[HintPoint]:
    """Points from JSON, at most so many. Raises GanColorError, which names the origin."""
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GanColorError(f"hints: {origin} cannot be read as JSON: {error}") from None
    if not isinstance(data, list):
        raise GanColorError(f"hints: {origin} holds no list, expected a list of points")
    if most is not None and len(data) > most:
        raise GanColorError(f"hints: found {len(data)} points, expected at most {most}")
    return [parse_hint(item) for item in data]


def check_inside(points: Sequence[HintPoint], size: tuple[int, int]) -> None:
    """GanColorError for a point outside of a photo of (width, height)."""
    for point in points:
        if point.x >= size[0] or point.y >= size[1]:
            raise GanColorError(
                f"hint: found ({point.x}, {point.y}), expected a pixel of the photo's "
                f"{size[0]} x {size[1]}, counted from 0"
            )


def render_hints(
    points: Sequence[HintPoint], sizes: Sequence[tuple[int, int]], render: tuple[int, int]
) -> Hints:
    """What a model is told of photos of `sizes` that it sees at `render`, each (width, height)."""
    width, height = render
    count = len(sizes)
    hints = Hints(torch.zeros(count, 2, height, width), torch.zeros(count, 1, height, width))
    for reach in (PATCH, 0):  # a patch never covers another point's own pixel
        for i, size in enumerate(sizes):
            for point in points:
                x, y = point.x * width // size[0], point.y * height // size[1]
                rows = slice(max(0, y - reach), y + reach + 1)
                columns = slice(max(0, x - reach), x + reach + 1)
                hints.ab[i, :, rows, columns] = point.ab.view(2, 1, 1)
                hints.mask[i, :, rows, columns] = 1
    return hints


def fit_to_hints(
    ab: Tensor, L: Tensor, middle: Tensor, points: Sequence[HintPoint], pixels: Pixels, gain: float
) -> Tensor:
    """Coefficients as `fit_coefficients` gives them for ab [1, 2, h, w] and L [1, 1, h, w], under
    which the points of the photo's `pixels` have the chroma asked for after a factor of `gain`.
    """
    # Of two for one pixel the later one.
    points = list({(point.x, point.y): point for point in points}.values())
    x, y = (torch.tensor([getattr(point, axis) for point in points]) for axis in "xy")
    rgb = torch.from_numpy(pixels[y.numpy(), x.numpy()].astype(np.float32))
    own_L = lightness((rgb / float(np.iinfo(pixels.dtype).max)).T.reshape(1, 3, 1, -1)).view(-1)
    target = torch.stack([point.ab for point in points], dim=1) / gain  # [2, P]
    reader = _PointReader(x, y, (pixels.shape[1], pixels.shape[0]), (L.shape[-1], L.shape[-2]))
    ab = spread_hints(ab, L, reader.y, reader.x, target)
    bumps = _bumps(reader, L[0, 0])  # [P, h, w]
    seen = reader(bumps[None])  # [P, P]: of bump j at point i, in column i
    ridge = RIDGE * torch.eye(len(points))
    solve = torch.linalg.inv(seen @ seen.T + ridge)

    def amplitudes(missing: Tensor) -> Tensor:
        found: Tensor = missing @ seen.T @ solve
        return found

    for _ in range(ROUNDS):
        coefficients = fit_coefficients(ab, L, middle)
        slope, offset = reader(coefficients).split(2)
        missing = target - (slope * own_L + offset)
        if float(missing.abs().max()) < CLOSE:
            return coefficients
        ab = ab + (amplitudes(missing) @ bumps.flatten(1)).view(ab.shape)
    # A detail that the render size does not show: then without regard to edges within its pixels.
    coefficients = fit_coefficients(ab, L, middle)
    slope, offset = reader(coefficients).split(2)
    missing = target - (slope * own_L + offset)
    coefficients[:, 2:] += (amplitudes(missing) @ bumps.flatten(1)).view(ab.shape)
    return coefficients


class _PointReader:
    """What enlargement gives at some pixels of a photo, from maps at the render size."""

    def __init__(
        self, x: Tensor, y: Tensor, size: tuple[int, int], render: tuple[int, int]
    ) -> None:
        self.columns, weights_x = cubic_taps(x, render[0], size[0])
        self.rows, weights_y = cubic_taps(y, render[1], size[1])
        self.weights = weights_y[:, :, None] * weights_x[:, None, :]
        self.x, self.y = x * render[0] // size[0], y * render[1] // size[1]

    def __call__(self, maps: Tensor) -> Tensor:
        """[C, P] of maps [1, C, h, w]."""
        values = maps[0][:, self.rows[:, :, None], self.columns[:, None, :]]
        return (values * self.weights).sum(dim=(2, 3))


def _bumps(reader: _PointReader, L: Tensor) -> Tensor:
    """For each point how far each pixel of the render size [h, w] goes with it: [P, h, w]."""
    height, width = L.shape
    reach = max(1.0, REACH * min(height, width))
    rows = torch.arange(height).view(1, -1, 1) - reader.y.view(-1, 1, 1)
    columns = torch.arange(width).view(1, 1, -1) - reader.x.view(-1, 1, 1)
    distance = (rows.square() + columns.square()) / reach**2
    unlike = ((L - L[reader.y, reader.x].view(-1, 1, 1)) / ALIKE).square()
    return torch.exp(-0.5 * (distance + unlike))
