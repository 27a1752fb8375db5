"""Training that starts from a model file."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from gan_color.errors import GanColorError
from gan_color.hub.init_from import init_from, load_config
from gan_color.hub.model_file import load_model, read_header, save_model
from gan_color.hub.pretrained import find_model
from gan_color.models.base import Colorizer
from gan_color.models.hints import Hints
from gan_color.models.registry import parse_options
from gan_color.training import trainer
from tests.helpers.runs import tiny_mapping
from tests.helpers.tiny_steps import generator


def small(**options: object) -> Colorizer:
    """A U-Net that colors strongly enough for its options to show."""
    model = generator("both", **options)
    torch.nn.init.normal_(model.head.weight, std=0.5)
    return model.eval()


def recipe(folder: Path, samples: tuple[Path, Path], **run: object) -> Path:
    """A configuration without a model: six images at a rate of nearly nothing."""
    mapping = tiny_mapping(samples, folder / "runs", **run)
    del mapping["model"]
    stage = {"name": "still", "kind": "supervised", "images": 6, "size": 32, "batch_size": 6}
    mapping["stages"] = [{**stage, "lr": 1e-12, "freeze_norm": True}]
    (folder / "c.yml").write_text(yaml.safe_dump(mapping))
    return folder / "c.yml"


def test_a_model_of_the_package_goes_by_its_name_with_its_own_options(
    tmp_path: Path, sample_folders: tuple[Path, Path]
):
    config = load_config(recipe(tmp_path, sample_folders, init_from="gan-color-small"))
    shipped = find_model("gan-color-small")
    header = read_header(shipped)
    options = parse_options(header["name"], header["options"]).model_dump(mode="json")
    assert config.model == {"name": header["name"], **options}
    assert config.model["chroma_threshold"] > 0  # calibrated
    trained = trainer.train(config)
    L = torch.nn.functional.interpolate(
        torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1, size=64
    )
    before, after = (load_model(path).predict_ab(L) for path in (shipped, trained))
    assert before.abs().mean() > 0.01
    assert (before - after).abs().mean() < 0.05 * before.abs().mean()
    assert read_header(trained)["options"] == options


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"ab_activation": "clip"}, "ab_activation is 'tanh' in the file and 'clip' here"),
        ({"blur": False}, "blur is True in the file and False here"),
    ],
)
def test_weights_that_color_otherwise_under_the_configuration_are_refused(
    tmp_path: Path, options: dict, named: str
):
    """They fit, tensor by tensor."""
    save_model(tmp_path / "m.safetensors", "unet", small(), {})
    init_from(small(), "unet", tmp_path / "m.safetensors")
    with pytest.raises(GanColorError, match=r"color otherwise .* leave `model` out") as caught:
        init_from(small(**options), "unet", tmp_path / "m.safetensors")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_of_ones_own_is_no_contradiction(tmp_path: Path):
    save_model(tmp_path / "m.safetensors", "unet", small(), {})
    init_from(small(pixel_weight=4.0, chroma_weight=3.0), "unet", tmp_path / "m.safetensors")


def test_a_configuration_without_model_and_file_is_refused(
    tmp_path: Path, sample_folders: tuple[Path, Path]
):
    with pytest.raises(GanColorError, match="model: missing"):
        load_config(recipe(tmp_path, sample_folders))
    with pytest.raises(GanColorError, match=r"found no file .*nowhere"):
        load_config(recipe(tmp_path, sample_folders, init_from="nowhere.safetensors"))


def test_a_file_without_hints_is_a_place_to_start_from_for_a_model_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "m.safetensors"
    file, L = small(), torch.rand(2, 1, 70, 64, generator=torch.Generator().manual_seed(0))
    save_model(path, "unet", file, {})
    model = small(hints=True)
    init_from(model, "unet", path)
    said = " ".join(capsys.readouterr().err.split())
    assert "m.safetensors has no hints; what they need starts at zero" in said
    mask = torch.zeros(2, 1, 70, 64)
    mask[..., 20:30, 20:30] = 1
    plain = small()
    init_from(plain, "unet", path)
    assert torch.equal(model.eval()(L, Hints(torch.ones(2, 2, 70, 64), mask)), plain.eval()(L))
    # From a file that has them they are taken, and nothing is said.
    torch.nn.init.normal_(model.hint_branches.local["8"][-1].weight)
    save_model(path, "unet", model, {})
    capsys.readouterr()
    again = small(hints=True)
    init_from(again, "unet", path)
    found, expected = (m.hint_branches.local["8"][-1].weight for m in (again, model))
    assert torch.equal(found, expected)
    assert "hints" not in capsys.readouterr().err
    with pytest.raises(
        GanColorError, match=r"does not fit .*: it has hint_branches.* too many; leave `model` out"
    ):
        init_from(small(), "unet", path)


def test_a_file_that_has_lost_part_of_the_branches_is_refused(tmp_path: Path):
    path = tmp_path / "m.safetensors"
    save_model(path, "unet", small(hints=True), {})
    tensors = {k: v for k, v in load_file(path).items() if k != "hint_branches.local.8.0.weight"}
    save_file(tensors, path, metadata={"gan_color": json.dumps(read_header(path))})
    with pytest.raises(GanColorError, match=r"does not fit .* it lacks hint_branches"):
        init_from(small(hints=True), "unet", path)


def test_a_model_section_without_a_name_changes_the_files_options(
    tmp_path: Path, sample_folders: tuple[Path, Path]
):
    path = recipe(tmp_path, sample_folders, init_from="gan-color-small")
    config = load_config(path, ("model.hints=true",))
    header = read_header(find_model("gan-color-small"))
    assert config.model == {"name": header["name"], **header["options"], "hints": True}
