"""What the README says can be typed is typed."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from gan_color.cli import main
from gan_color.data import samples
from gan_color.training.memory import planner
from gan_color.training.memory.planner import Footprint
from tests.helpers.runs import REPOSITORY, save_demo_model
from tests.helpers.videos import make_video

README = (REPOSITORY / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


AUTOMATIC = ("pretrain_128", "pretrain_256", "gan_128", "gan_256")  # `batch_size: auto`
LONG = {"configs/unet_small.yml", "configs/gan_color_16gb.yml"}
# What a batch of each stage takes is counted for minutes; the planner has tests of its own.
BATCHES = [f"--set=stages.{name}.batch_size=8" for name in AUTOMATIC]
COMMANDS = [line for block in blocks("bash") for line in block.strip().splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty clone, as a reader has it after `make demo`, with photographs of his own."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(REPOSITORY / "configs", folder / "configs")
    samples.build(folder / "datasets" / "samples")
    shutil.copytree(folder / "datasets" / "samples" / "val", folder / "album")
    Image.open(samples.gray_photograph()).save(folder / "old.jpg")
    make_video(folder / "old.mp4")
    save_demo_model(folder)
    return folder


def test_the_readmes_commands_run_in_their_order(place: Path, monkeypatch, capfd):
    monkeypatch.chdir(place)
    monkeypatch.setattr(planner, "footprint", lambda *_: Footprint(fixed=1e9, per_image=1e8))
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    ran = 0
    for line in COMMANDS:
        program, *arguments = shlex.split(line)
        if program == "make":
            assert set(arguments) <= targets, line
            continue
        assert program == "gan-color", line
        if arguments[0] == "train" and LONG & set(arguments) and "--dry-run" not in arguments:
            arguments.append("--dry-run")  # hours otherwise
        if "--dry-run" in arguments:
            arguments.append("--no-measure")  # minutes otherwise
        if "configs/gan_color_16gb.yml" in arguments and arguments[0] == "train":
            arguments += BATCHES
        if arguments[0] == "finetune":
            arguments += ["--minutes", "0.1", "--set", "stages.finetune.size=32"]
        if arguments[0] == "lr-find":
            arguments += ["--steps", "40"]  # the fewest that it takes
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert not caught.value.code, f"{line}: {capfd.readouterr().err}"
        ran += 1
    assert ran >= 8
    assert Image.open("colorized/old.jpg").size == Image.open("old.jpg").size
    assert len(list(Path("colorized").iterdir())) == 15  # old.jpg, and the album
    assert len(list(Path("compared").glob("*.compare.jpg"))) == 14
    assert Path("colorized.mp4").stat().st_size > 1000
    assert "float16" in Path("MODEL_CARD.md").read_text()
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), {})
    assert Image.open("colorized.png").size == Image.open("old.jpg").size


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (REPOSITORY / link).exists()] == []
