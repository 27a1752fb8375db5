"""Threshold and gain of chroma: what they do, how they are fitted, where they travel."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from gan_color.cli import main
from gan_color.color.lab import AB_SCALE, to_rgb8
from gan_color.errors import GanColorError
from gan_color.evaluation.calibration import calibrate
from gan_color.hub.model_file import load_model, read_header
from gan_color.models.base import Colorizer, ModelOptions, shrink_chroma


class Tinter(Colorizer):
    """Knows the strong colors (where L > 0) and tints the rest, which is neutral."""

    def __init__(self) -> None:
        super().__init__(ModelOptions())
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, L: Tensor) -> Tensor:
        strong = (L > 0).float()
        return torch.cat((strong * 40 + (1 - strong) * 5, strong * 30), dim=1) / AB_SCALE


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    paths = []
    for i in range(3):
        L = torch.full((1, 1, 32, 32), -0.4)
        L[..., : 8 + 4 * i] = 0.3
        strong = (L > 0).float()
        rgb = to_rgb8(L, torch.cat((strong * 40, strong * 30), dim=1) / AB_SCALE)
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(rgb[0].permute(1, 2, 0).numpy()).save(paths[-1])
    return paths


def test_half_is_kept_at_the_threshold_and_hue_stays():
    ab = torch.tensor([[3.0, 4.0], [30.0, 40.0], [0.0, 0.0]]).view(3, 2, 1, 1) / AB_SCALE
    kept = shrink_chroma(ab, 5.0, 1.0) / ab
    assert kept[0].flatten().tolist() == pytest.approx([0.5, 0.5])
    assert kept[1].flatten().tolist() == pytest.approx([100 / 101] * 2)
    assert shrink_chroma(ab, 5.0, 1.0)[2].abs().max() == 0
    assert torch.equal(shrink_chroma(ab, 0.0, 1.0), ab)
    assert torch.allclose(shrink_chroma(ab, 0.0, 2.0), 2 * ab)


def test_a_tint_on_what_is_neutral_goes_and_the_color_stays(photographs: list[Path]):
    found = calibrate(Tinter(), photographs, 32)
    assert found.threshold > 4
    assert found.after.delta_e2000 < 0.5 * found.before.delta_e2000
    assert found.after.colorfulness == pytest.approx(found.before.colorfulness, abs=0.01)


def test_threshold_and_colorfulness_can_be_asked_for(photographs: list[Path]):
    found = calibrate(Tinter(), photographs, 32, colorfulness=0.8, threshold=6.0)
    assert found.threshold == 6
    assert found.after.colorfulness == pytest.approx(0.8, abs=0.01)
    refusal = r"found 900% .*expected \d+% to \d+%, which gains of 0.5 to 2.0"
    with pytest.raises(GanColorError, match=refusal):
        calibrate(Tinter(), photographs, 32, colorfulness=9.0)


def test_gray_photographs_are_refused(tmp_path: Path):
    Image.new("RGB", (32, 32), (90, 90, 90)).save(tmp_path / "gray.png")
    with pytest.raises(GanColorError, match="gray images only"):
        calibrate(Tinter(), [tmp_path / "gray.png"], 32)


def test_the_command_fits_on_color_photographs_only(tmp_path: Path, coffee: Image.Image, capsys):
    coffee.convert("L").save(tmp_path / "gray.png")
    (tmp_path / "bad.png").write_text("x")
    out = tmp_path / "out" / "calibrated.safetensors"
    common = [
        "calibrate",
        "gan-color-small",
        "--data",
        str(tmp_path),
        "--size",
        "64",
        "-o",
        str(out),
    ]
    with pytest.raises(SystemExit) as end:
        main(common)
    assert end.value.code == 2
    assert "found 2 gray or unreadable files" in capsys.readouterr().err
    coffee.save(tmp_path / "coffee.png")
    main_ok([*common, "--threshold", "8", "--colorfulness", "0.1"])
    said = capsys.readouterr()
    assert "gray.png: a gray photograph" in said.err
    assert "bad.png: not an image" in said.err
    assert "fitted on 1 images" in said.out
    assert read_header(out)["record"]["calibration"]["images"] == 1


def test_the_command_writes_a_model_that_answers_so(tmp_path: Path, coffee: Image.Image, capsys):
    coffee.save(tmp_path / "coffee.png")
    out = tmp_path / "calibrated.safetensors"
    common = ["calibrate", "gan-color-small", "--data", str(tmp_path), "--size", "64"]
    main_ok([*common, "-o", str(out), "--threshold", "8", "--colorfulness", "0.1"])
    assert "threshold 8, gain" in capsys.readouterr().out
    header = read_header(out)
    gain = header["options"]["chroma_gain"]
    assert header["record"]["calibration"] == {
        "images": 1,
        "size": 64,
        "chroma_threshold": 8.0,
        "chroma_gain": gain,
    }
    model, L = load_model(out), torch.linspace(-1, 1, 64 * 64).view(1, 1, 64, 64)
    plain = model.predict_ab(L, calibrated=False)
    assert torch.equal(model.predict_ab(L), shrink_chroma(plain, 8.0, gain))
    assert not torch.equal(model.predict_ab(L), plain)


def main_ok(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0


@pytest.mark.parametrize("case", ["itself", "nothing"])
def test_the_command_refuses_in_one_line(case: str, tmp_path: Path, coffee: Image.Image, capsys):
    from gan_color.hub.pretrained import find_model

    source = tmp_path / "model.safetensors"
    source.write_bytes(find_model("gan-color-small").read_bytes())
    before = source.read_bytes()
    if case == "itself":
        coffee.save(tmp_path / "coffee.png")
    out = source if case == "itself" else tmp_path / "out.safetensors"
    with pytest.raises(SystemExit) as end:
        main(["calibrate", str(source), "-o", str(out), "--data", str(tmp_path)])
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert ("the model itself" if case == "itself" else "found no images") in message
    assert source.read_bytes() == before
