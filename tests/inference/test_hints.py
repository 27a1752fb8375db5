"""Hints for a photo: read, put where the model sees them, and met in what comes out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from torch import Tensor

from gan_color.errors import GanColorError
from gan_color.hub.model_file import save_model
from gan_color.inference.hint_spread import HEARD
from gan_color.inference.hints import HintPoint, parse_hint, read_hints, render_hints
from gan_color.inference.onnx_model import OnnxColorizer, export_onnx
from gan_color.inference.pipeline import ColorizationPipeline
from gan_color.models.base import ModelOptions
from gan_color.models.hints import Hints
from tests.helpers.tint import Tint
from tests.helpers.tiny_steps import generator


class _Willing(ModelOptions):
    @property
    def takes_hints(self) -> bool:
        return True


class Listener(Tint):
    """Takes hints, remembers them, and gives the same chroma everywhere all the same."""

    def __init__(self, *ab: float) -> None:
        super().__init__(*ab)
        self.options = _Willing()
        self.told: list[Hints | None] = []

    def forward(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        self.told.append(hints)
        return super().forward(L)


def two_halves(width: int = 960, height: int = 640, depth: int = 8) -> Any:
    """A photo of a dark and a light half, with some grain."""
    grain = np.random.default_rng(0).integers(-4, 5, (height, width, 1))
    gray = np.where(np.arange(width)[None, :, None] < width // 2, 90, 190) + grain
    pixels = np.repeat(gray, 3, axis=2)
    return pixels.astype(np.uint8) if depth == 8 else (pixels * 257).astype(np.uint16)


def lab_of(pixels: Any) -> Any:
    return rgb2lab(pixels / np.iinfo(pixels.dtype).max)


def miss(out: Any, photo: Any, x: int, y: int, color: str) -> float:
    """CIEDE2000 between a pixel and what was asked for at its own lightness."""
    wanted = lab_of(np.array([[[int(color[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))[0, 0]
    own = lab_of(photo)[y, x]
    return float(deltaE_ciede2000(lab_of(out)[y, x], [own[0], wanted[1], wanted[2]]))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("saturation", [1.0, 0.5])
def test_a_hinted_pixel_has_the_color_asked_for(depth: int, saturation: float):
    """Whatever the model makes of it: this one does nothing."""
    photo, hints = two_halves(depth=depth), [(200, 300, "#5a6e9a"), (700, 100, "#d8b49a")]
    model = Listener(0.05, 0.05)
    out = ColorizationPipeline(model).colorize(photo, 160, hints=hints, saturation=saturation)
    assert out.dtype == photo.dtype
    for x, y, color in hints:
        assert miss(out, photo, x, y, color) < 1.5
    plain = ColorizationPipeline(model).colorize(photo, 160, saturation=saturation)
    assert miss(plain, photo, 200, 300, "#5a6e9a") > 10


def test_a_hint_stays_inside_the_edges_of_its_object():
    """Right beside the edge, and a photo six times as large as what the model sees."""
    photo = two_halves()
    pipeline = ColorizationPipeline(Listener(0.05, 0.05))
    plain, out = (
        pipeline.colorize(photo, 100, hints=hints) for hints in ((), [(470, 300, "#5a6e9a")])
    )
    assert miss(out, photo, 470, 300, "#5a6e9a") < 1.5
    change = deltaE_ciede2000(lab_of(out), lab_of(plain))
    assert change[290:310, 466:474].min() > 5
    assert change[:, 484:].max() < 3  # the other half, from four pixels beside the edge on
    assert change[:, 500:].max() < 1.5
    assert change[300, 200:460].min() > 5  # its own, as far as half the photo's height away


def test_a_detail_that_the_model_cannot_see_is_met_too():
    photo = two_halves()
    photo[300:302, 200:202] = 200  # a bright speck
    pipeline = ColorizationPipeline(Listener())
    out = pipeline.colorize(photo, 64, hints=[(201, 301, "#c8b4a0")])
    assert miss(out, photo, 201, 301, "#c8b4a0") < 1.5


def test_points_side_by_side_do_not_fight():
    """Of different colors within one pixel of the render size: neither met, nothing wild."""
    photo = two_halves()
    hints = [(200, 300, "#5a6e9a"), (201, 300, "#8a6a4a")]
    out = ColorizationPipeline(Listener(0.0, 0.0)).colorize(photo, 64, hints=hints)
    assert np.abs(lab_of(out)[..., 1:]).max() < 40
    same = [(200, 300, "#5a6e9a"), (200, 300, "#8a6a4a")]
    out = ColorizationPipeline(Listener(0.0, 0.0)).colorize(photo, 64, hints=same)
    assert miss(out, photo, 200, 300, "#8a6a4a") < 1.5  # the last word


def test_the_model_is_told_where_it_sees_the_point():
    model = Listener()
    photo = two_halves(400, 200)
    hints = [(399, 0, "#ff0000"), (200, 100, "#00ff00"), (203, 100, "#0000ff")]
    ColorizationPipeline(model).colorize(photo, 100, tta_sizes=(50,), hints=hints)
    first, untold, second, _ = model.told
    assert first is not None
    assert untold is not None
    assert second is not None
    assert not untold.mask.any()  # what it makes of the photo without points is asked for too
    assert first.mask.shape[-2:] == (112, 208)  # 100 x 200, padded to the stride
    assert first.mask[0, 0, :2, 198:200].all()
    assert first.mask.sum() == 4 + 3 * 4
    red, green, blue = (HintPoint(0, 0, c).ab for c in ("#ff0000", "#00ff00", "#0000ff"))
    assert torch.equal(first.ab[0, :, 0, 199], red)
    assert torch.equal(first.ab[0, :, 50, 100], green)
    assert torch.equal(first.ab[0, :, 50, 101], blue)  # its own pixel, within the other's patch
    assert torch.equal(second.ab[0, :, 25, 50], blue)  # one pixel for both: the last word
    ColorizationPipeline(model).colorize(photo, 100)
    assert model.told[-1] is None


class Overdone(Listener):
    """Gives one chroma everywhere where it is told of points, and none where it is not."""

    def forward(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        ab = super().forward(L, hints)
        return ab if hints is not None and hints.mask.any() else torch.zeros_like(ab)


class Alone(Overdone):
    """Takes points and no palette, as siggraph17."""

    @property
    def takes_palette(self) -> bool:
        return False


def test_a_unets_own_answer_to_points_counts_for_a_share():
    """Across an edge, where nothing is spread; that of a model of points alone is taken whole."""
    photo, hints = two_halves(), [(100, 300, "#5a6e9a")]
    far = []
    for kind in (Overdone, Alone):
        model = kind(0.2, 0.1)
        out = ColorizationPipeline(model).colorize(photo, 100, hints=hints)
        assert len(model.told) == (2 if model.takes_palette else 1)
        far.append(np.linalg.norm(lab_of(out)[300, 900, 1:]))
    assert far[0] / far[1] == pytest.approx(HEARD, abs=0.05)


def test_hints_outside_of_the_render_size_do_not_exist():
    corner = render_hints([HintPoint(4031, 3023, "#123456")], [(4032, 3024)], (341, 256))
    assert corner.mask[0, 0, 255, 340] == 1
    assert corner.mask.sum() == 4


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        ((400, 10, "#e0c040"), r"found \(400, 10\), expected a pixel of the photo's 400 x 200"),
        ((10, 200, "#e0c040"), r"found \(10, 200\), expected a pixel"),
        ((-1, 10, "#e0c040"), r"found \(-1, 10\), expected a pixel's column and row"),
        ((1.5, 10, "#e0c040"), r"found \(1\.5, 10\)"),
        ((True, 10, "#e0c040"), r"found \(True, 10\)"),
        ((10, 10, "yellow"), r"found the color 'yellow', expected one such as #e0c040"),
        ((10, 10, "#e0c04"), r"found the color '#e0c04'"),
        ((10, 10, 7), r"found the color 7"),
        ((10, 10), r"hint: found \(10, 10\), expected x, y and a color, such as 120,80,#e0c040"),
        ("10;10;#e0c040", r"found '10;10;#e0c040', expected x, y and a color"),
        ("1e1,10,#e0c040", r"found '1e1,10,#e0c040'"),
        ({"x": 1, "y": 2, "colr": "#e0c040"}, r"expected x, y and a color"),
        (None, r"found None, expected x, y"),
    ],
)
def test_what_is_no_hint_is_refused_with_a_sentence(hint: object, message: str):
    pipeline = ColorizationPipeline(Listener())
    with pytest.raises(GanColorError, match=message) as caught:
        pipeline.colorize(two_halves(400, 200), 64, hints=[hint])
    assert "\n" not in str(caught.value)


def test_the_ways_to_write_a_hint():
    expected = HintPoint(120, 80, "#E0c040")
    for way in ("120, 80,#E0c040", (120, 80, "#E0c040"), {"x": 120, "y": 80, "color": "#E0c040"}):
        assert parse_hint(way) == expected


def test_a_file_of_hints(tmp_path: Path):
    path = tmp_path / "h.json"
    path.write_text(json.dumps([{"x": 1, "y": 2, "color": "#e0c040"}, [3, 4, "#000000"]]))
    assert read_hints(path) == [HintPoint(1, 2, "#e0c040"), HintPoint(3, 4, "#000000")]
    path.write_text('{"x": 1}')
    with pytest.raises(GanColorError, match="holds no list"):
        read_hints(path)
    path.write_text("[1,")
    with pytest.raises(GanColorError, match="cannot be read as JSON"):
        read_hints(path)
    with pytest.raises(GanColorError, match=r"none\.json cannot be read: .*No such file"):
        read_hints(tmp_path / "none.json")


def test_a_model_without_hints_refuses_them():
    with pytest.raises(GanColorError, match="this model takes none"):
        ColorizationPipeline(Tint()).colorize(Image.new("L", (8, 8)), hints=[(1, 1, "#e0c040")])


def test_a_onnx_file_takes_hints_as_inputs(tmp_path: Path):
    """It is compared with PyTorch, hints and all, when it is written."""
    model = generator("both", hints=True)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.hint_branches.parameters():
            parameter.copy_(0.2 * torch.randn_like(parameter))
    source, target = tmp_path / "m.safetensors", tmp_path / "m.onnx"
    save_model(source, "unet", model, {})
    export_onnx(source, target)
    onnx, photo, hints = OnnxColorizer(target), two_halves(90, 70), [(10, 20, "#5a6e9a")]
    assert onnx.takes_hints
    ours, theirs = (
        ColorizationPipeline(each).colorize(photo, 64, hints=hints) for each in (model.eval(), onnx)
    )
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    L = torch.rand(1, 1, 64, 64) * 2 - 1
    assert torch.allclose(onnx.predict_ab(L), model.predict_ab(L), atol=1e-4)
    save_model(source, "unet", generator("both"), {})
    export_onnx(source, target)
    plain = OnnxColorizer(target)
    assert not plain.takes_hints
    with pytest.raises(GanColorError, match="this model takes none"):
        plain.predict_ab(L, Hints(torch.zeros(1, 2, 64, 64), torch.zeros_like(L)))
