"""An album's own model: what it gains there, what it forgets, what a small album is told."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from gan_color.atomic import sha256
from gan_color.cli import main
from gan_color.config.schema import Config
from gan_color.config.yaml_file import find_recipe
from gan_color.errors import GanColorError
from gan_color.evaluation.mean_figures import MeanFigures
from gan_color.hub.init_from import load_config
from gan_color.hub.model_file import read_header, save_model
from gan_color.models import registry
from gan_color.training import finetune as module
from gan_color.training.finetune import Comparison, Finetuned, describe, finetune

SHORT = (
    *("stages.finetune.images=16", "stages.finetune.size=32", "stages.finetune.batch_size=4"),
    *("run.precision=fp32", "data.num_workers=0", "run.preview_images=2", "run.val_images=2"),
)


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A model file whose options are not those that a model has by default."""
    options = {"encoder": "mobilenetv3_small_050", "encoder_weights": "none"}
    widths = (16, 12, 8, 8, 8)
    model = registry.create("unet", **options, decoder_channels=widths, chroma_gain=1.5)
    with torch.no_grad():
        model.head.bias.fill_(0.05)
    save_model(tmp_path / "start.safetensors", "unet", model, {"license": "not to be sold"})
    return tmp_path / "start.safetensors"


def config_of(start: Path, album: Path, place: Path) -> Config:
    given = (f"run.init_from={start}", f"run.dir={place}", "run.name=mine")
    folders = f"data.folders={json.dumps([str(album)])}"
    return load_config(find_recipe("finetune"), (*given, folders, *SHORT))


def test_the_files_options_are_kept_and_both_comparisons_written(
    start: Path, sample_folders: tuple[Path, Path], tmp_path: Path
):
    config = config_of(start, sample_folders[0], tmp_path)
    found = finetune(config)
    before, after = read_header(start), read_header(found.model)
    assert after["options"] == before["options"]
    assert after["options"]["chroma_gain"] == 1.5
    origin = {"file": start.name, "sha256": sha256(start), "terms": ["not to be sold"]}
    assert after["record"]["init_from"] == origin
    assert found.packaged.photographs == 8
    kept = json.loads((config.folder / "finetune.json").read_text())
    assert kept["album"]["after"]["psnr"] == found.album.after.psnr
    assert kept["album"]["gray"]["colorfulness"] == pytest.approx(0, abs=0.02)
    for part in (found.album, found.packaged):
        rows = min(part.photographs, module.SHOWN)
        with Image.open(part.sheet) as sheet:
            assert sheet.size == (3 * module.SIZE, rows * module.SIZE)
        assert part.before != part.after


def test_figures_before_are_the_files_own(
    start: Path, sample_folders: tuple[Path, Path], tmp_path: Path, monkeypatch
):
    """Where nothing is trained, nothing changes."""
    monkeypatch.setattr(module, "train", lambda *_: start)
    config = config_of(start, sample_folders[0], tmp_path)
    config.folder.mkdir(parents=True)
    found = finetune(config)
    assert found.album.before == found.album.after
    assert found.packaged.before == found.packaged.after
    assert "the album gained nothing" in describe(found)[-1]


def test_a_gain_in_either_figure_is_no_loss():
    worse, better = MeanFigures(20.0, 10.0, 0.5), MeanFigures(19.0, 9.0, 0.5)
    part = Comparison(1, worse, worse, better, Path("x.jpg"))
    assert not any("gained nothing" in line for line in describe(Finetuned(Path(), part, part)))


def test_a_tiny_album_is_told_what_that_means(
    start: Path, sample_folders: tuple[Path, Path], tmp_path: Path, capsys, monkeypatch
):
    album = tmp_path / "album"
    album.mkdir()
    for i, path in enumerate(sorted(sample_folders[0].iterdir())[:5]):
        (album / f"{i}.png").write_bytes(path.read_bytes())
    monkeypatch.setattr(module, "train", lambda *_: start)
    config = config_of(start, album, tmp_path)
    config.folder.mkdir(parents=True)
    finetune(config)
    said = " ".join(capsys.readouterr().err.split())
    assert "the album has 5 photographs" in said
    assert "fewer than 50" in said


def test_the_command_trains_compares_and_goes_on(
    start: Path, sample_folders: tuple[Path, Path], tmp_path: Path, capsys
):
    overrides = [part for value in SHORT for part in ("--set", value)]
    album, output = str(sample_folders[0]), str(tmp_path / "mine")
    command = ["finetune", album, "-o", output, "--from", str(start), "--minutes", "0.1"]
    with pytest.raises(SystemExit) as ended:
        main([*command, *overrides])
    assert not ended.value.code
    said = capsys.readouterr().out
    assert "what is forgotten (8):" in said
    assert (tmp_path / "mine" / "model.safetensors").is_file()
    with pytest.raises(SystemExit) as ended:
        main([*command, *overrides])
    assert ended.value.code == 2
    assert "--overwrite" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["finetune", album, "-o", output, "--resume"])
    assert not ended.value.code
    assert capsys.readouterr().out.splitlines()[0] == said.splitlines()[0]


@pytest.mark.parametrize(
    ("album", "start", "message"),
    [("nowhere", None, "found no folder 'nowhere'"), (".", "no-such", "no-such")],
)
def test_mistakes_are_one_line(album: str, start: str | None, message: str, tmp_path, capsys):
    more = ["--from", start] if start else []
    with pytest.raises(SystemExit) as ended:
        main(["finetune", album, "-o", str(tmp_path / "mine"), *more])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_a_run_that_starts_from_nothing_is_refused(tiny: Config):
    with pytest.raises(GanColorError, match="init_from"):
        finetune(tiny)
