"""PSNR over the number of revealed points."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gan_color.color.ab_bins import BIN_COUNT, ab_bins
from gan_color.color.lab import AB_SCALE
from gan_color.errors import GanColorError
from gan_color.evaluation.hint_curve import check_hintable, counts_up_to, hint_curve, reach_of
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.hub.model_file import save_model
from gan_color.images.files import find_images
from gan_color.models.base import Colorizer, ModelOptions
from gan_color.models.hints import Hints
from tests.helpers.command_line import one_line, run
from tests.helpers.evaluating import SMALL
from tests.helpers.tiny_steps import generator


class _Willing(ModelOptions):
    @property
    def takes_hints(self) -> bool:
        return True


class Repeater(Colorizer):
    """Gives back what it is told, and gray elsewhere."""

    def __init__(self) -> None:
        super().__init__(_Willing())
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.told: list[Hints] = []

    def forward(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        assert hints is not None
        self.told.append(hints)
        ab = hints.ab * hints.mask + self.weight
        if hints.palette is not None:  # all of it in the mean color
            shares = hints.palette[:, :BIN_COUNT].square()
            ab = ab + (shares @ ab_bins() / AB_SCALE)[:, :, None, None]
        return ab


def test_the_numbers_that_are_measured():
    assert counts_up_to(100) == (0, 1, 2, 5, 10, 20, 50, 100)
    assert counts_up_to(7) == (0, 1, 2, 5, 7)
    assert counts_up_to(1) == (0, 1)
    with pytest.raises(GanColorError, match="--hints: found 0, expected 1 point or more"):
        counts_up_to(0)


def test_every_number_adds_to_the_points_before(sample_folders: tuple[Path, Path]):
    model, paths = Repeater(), find_images(sample_folders[1])[:3]
    found = hint_curve(model, paths, SMALL, (0, 5, 50))
    curve = found.curve
    assert [row["points"] for row in curve] == [0, 5, 50]
    psnrs = [row["psnr"] for row in curve]
    assert psnrs[0] < psnrs[1] < psnrs[2]
    low, high = curve[1]["psnr_ci"]
    assert low <= psnrs[1] <= high
    none, few, many = (told.mask for told in model.told[:3])
    assert not none.any()
    assert (few <= many).all()
    assert few.sum() < many.sum()
    assert not torch.equal(few, model.told[5].mask)  # another image has other points
    assert hint_curve(Repeater(), paths, SMALL, (0, 5, 50)) == found  # seeded
    assert hint_curve(Repeater(), paths[:1], SMALL, (0,)).curve[0]["psnr_ci"] is None


def test_a_palette_tells_the_truths_colors_and_no_place(sample_folders: tuple[Path, Path]):
    model, paths = Repeater(), find_images(sample_folders[1])[:3]
    found = hint_curve(model, paths, SMALL, (0, 5))
    assert not model.told[2].mask.any()
    assert model.told[2].palette[0, BIN_COUNT] == 1
    assert found.palette["psnr"] > found.curve[0]["psnr"]  # its mean color is better than gray
    assert 0 < found.palette["colorfulness"] < 1
    low, high = found.palette["psnr_ci"]
    assert low <= found.palette["psnr"] <= high


class Points(Repeater):
    """Takes points and no palette, as siggraph17: one chroma, whatever it is told."""

    @property
    def takes_palette(self) -> bool:
        return False

    def forward(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        return 0 * super().forward(L, hints) + 0.05


def test_where_no_palette_is_taken_its_row_is_the_first_one(sample_folders: tuple[Path, Path]):
    found = hint_curve(Points(), find_images(sample_folders[1])[:2], SMALL, (0, 1))
    assert found.palette["psnr"] == found.curve[0]["psnr"]


def test_what_cannot_be_hinted_is_refused(tmp_path: Path):
    with pytest.raises(GanColorError, match=r"m\.safetensors: hints: this model takes none"):
        check_hintable(generator("none"), SMALL, "m.safetensors")
    with pytest.raises(GanColorError, match="found the protocol 'native', expected one of a fixed"):
        check_hintable(Repeater(), EvalProtocol("native"), "m")
    with pytest.raises(GanColorError, match="--hints: found no color photograph"):
        hint_curve(Repeater(), [], SMALL, (0, 1))


def test_the_command_prints_a_table_and_writes_it(
    sample_folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path, data = tmp_path / "m.safetensors", tmp_path / "data"
    data.mkdir()
    for photo in find_images(sample_folders[1])[:2]:
        (data / photo.name).write_bytes(photo.read_bytes())
    save_model(path, "unet", generator("both", hints=True), {})
    off = ("--fid-weights", "off", "--lpips-weights", "off")
    common = ("evaluate", "-d", data, *off, "--json", tmp_path / "f.json", "--hints", 2)
    page = tmp_path / "page.html"
    assert run(*common, "-m", path, "--html", page) == 0
    assert "With points of the truth" in page.read_text()
    *table, reach = [line.split() for line in capsys.readouterr().out.splitlines()][-6:]
    assert reach[:5] == ["what", "the", "first", "point", "changes"]
    assert float(reach[6]) > 0
    assert table[0] == ["points", "PSNR", "gain"]
    assert [row[0] for row in table[1:]] == ["0", "1", "2", "palette"]
    gains = [float(row[2]) for row in table[1:]]
    # Its branches are at zero, but what points say is spread, and a palette's chroma is met.
    assert gains[0] == 0
    assert 0 < gains[1] < gains[2]
    assert 0 < gains[3] < 1
    found = json.loads((tmp_path / "f.json").read_text())
    assert [row["points"] for row in found["hints"]] == [0, 1, 2]
    assert found["hints"][0]["psnr"] == pytest.approx(found["psnr"], abs=1e-4)
    assert run(*common) == 2
    assert "--hints: expected --model FILE" in one_line(capsys)
    save_model(path, "unet", generator("both"), {})
    assert run(*common, "-m", path) == 2
    assert "m: hints: this model takes none" in one_line(capsys)


def test_a_point_reaches_as_far_as_what_it_changes(sample_folders: tuple[Path, Path]):
    before = torch.zeros(1, 2, 9, 9)
    after = before.clone()
    after[0, 0, 4, 1] = 2.4 / AB_SCALE  # 3 pixels away
    after[0, 1, 8, 4] = -9 / AB_SCALE  # 4
    after[0, :, 0, 0] = 1.6 / AB_SCALE  # 2.26 of both: not seen
    point = (torch.tensor([4]), torch.tensor([4]))
    assert reach_of(before, after, *point) == pytest.approx(3.5)
    assert math.isnan(reach_of(before, before, *point))
    paths = find_images(sample_folders[1])[:2]
    assert 0 < hint_curve(Repeater(), paths, SMALL, (0, 1)).reach < 64
    assert hint_curve(Repeater(), paths, SMALL, (0, 5)).reach is None
