"""What the command line says before it loads anything heavy, and how it helps."""

import io
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_color.hub.model_file import save_model
from gan_color.images.decode import read
from gan_color.images.encode import save
from gan_color.inference.backends import provenance
from gan_color.inference.jobs import BatchOptions, record
from tests.helpers.command_line import one_line, run
from tests.helpers.tiny_steps import generator
from tests.helpers.videos import make_video

LIGHT = """
import sys
from gan_color.cli import main
try:
    main(sys.argv[1:])
except SystemExit as exit:
    code = exit.code
heavy = {"torch", "torchvision", "timm", "fastai"} & set(sys.modules)
print(code, *sorted(heavy))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "small" / "model.safetensors"
    save_model(path, "unet", generator("both"), {})
    return path


def lightly(*arguments: object, cwd: Path) -> tuple[str, str]:
    """Exit code and heavy packages, and standard error, of a command in a process of its own."""
    found = subprocess.run(
        [sys.executable, "-c", LIGHT, *map(str, arguments)],
        cwd=cwd,
        env={"PATH": "/usr/bin", "PYTHONPATH": ":".join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip().splitlines()[-1], found.stderr


def test_what_needs_no_model_loads_none(model: Path, tmp_path: Path, coffee: Image.Image):
    photo, out = tmp_path / "x.png", tmp_path / "out"
    coffee.resize((40, 30)).save(photo)
    work = BatchOptions(provenance=provenance(model))
    save(read(photo), out / "x.png", note=record(photo, work))
    make_video(tmp_path / "film.mp4", sound=False)
    (tmp_path / "there.mp4").write_bytes(b"")
    for arguments, code, message in (
        (("colorize", photo, "-o", out, "-m", model), "0", "1 skipped (already exist)"),
        (("colorize", "none.png", "-o", out, "-m", model), "2", "none.png: no such file"),
        (("colorize", photo, "-o", out, "-m", "none.safetensors"), "2", "found no file"),
        (("colorize", photo, "-o", out, "--format", "xyz"), "2", "found 'xyz'"),
        (("video", "none.mp4", "y.mp4", "-m", model), "2", "found no file 'none.mp4'"),
        (("video", "film.mp4", "there.mp4", "-m", model), "2", "there.mp4 is there already"),
    ):
        assert lightly(*arguments, cwd=tmp_path)[0] == code, arguments
        assert message in " ".join(lightly(*arguments, cwd=tmp_path)[1].split())


def test_examples_stay_lines_and_h_is_help(capsys: pytest.CaptureFixture[str]):
    for option in ("-h", "--help"):
        assert run("colorize", option) == 0
        out = capsys.readouterr().out
        examples = re.findall(r"^  gan-color colorize .*$", out, re.MULTILINE)
        assert len(examples) >= 4
        assert "  gan-color colorize old.jpg" in examples
        assert "\b" not in out
    assert run("-h") == 0
    assert "colorize" in capsys.readouterr().out


def test_bare_is_short_and_version_is_the_packages(capsys: pytest.CaptureFixture[str]):
    assert run() == 0
    short = capsys.readouterr().out
    assert len(short.splitlines()) < 10
    assert "colorize" in short
    assert "gan-color COMMAND -h" in short
    assert run("--version") == 0
    assert capsys.readouterr().out == f"gan-color {version('gan-color')}\n"


def test_models_are_found_by_their_run_and_near_misses_named(
    model: Path, tmp_path: Path, coffee: Image.Image, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    coffee.resize((40, 30)).save("x.png")
    assert run("colorize", "x.png", "-o", "y.png", "-m", model.parent, "--render", 32) == 0
    assert Image.open("y.png").size == (40, 30)
    capsys.readouterr()
    run_folder = Path("runs/portraits")
    run_folder.mkdir(parents=True)
    (run_folder / "model.safetensors").write_bytes(model.read_bytes())
    for name, meant in (("gan-color-smal", "gan-color-small"), ("portrait", "runs/portraits")):
        assert run("colorize", "x.png", "-m", name) == 2
        assert f"did you mean {meant}?" in one_line(capsys)
    assert run("colorize", "x.png", "-m", "zzzzz") == 2
    assert "did you mean" not in (line := one_line(capsys))
    assert "expected a file, a run's folder, gan-color-small or hf-hub:owner/name" in line


class Stream(io.BytesIO):
    """Standard input or output: text with bytes below."""

    @property
    def buffer(self) -> "Stream":
        return self


def test_a_photo_through_a_pipe(
    model: Path, tmp_path: Path, coffee: Image.Image, monkeypatch, capsys
):
    data = io.BytesIO()
    coffee.resize((40, 30)).save(data, "PNG")
    options = ("-m", model, "--render", 32)
    for output, kind in (("-", "PNG"), ("-", "JPEG"), (tmp_path / "o.webp", "WEBP")):
        out = Stream()
        monkeypatch.setattr(sys, "stdin", Stream(data.getvalue()))
        monkeypatch.setattr(sys, "stdout", out)
        chosen = ("--format", "jpg") if kind == "JPEG" else ()
        assert run("colorize", "-", "-o", output, *options, *chosen) == 0
        found = Image.open(output) if output != "-" else Image.open(io.BytesIO(out.getvalue()))
        assert (found.format, found.size) == (kind, (40, 30))
        assert np.ptp(np.asarray(found.convert("RGB")).astype(int), axis=2).mean() > 0
    monkeypatch.undo()
    capsys.readouterr()
    for arguments, message in (
        (("-", "-o", tmp_path), "expected a file, or - with -"),
        (("-",), "expected a file, or - with -"),
        (("-", "x.png", "-o", "-"), "expected one photo"),
        (("-", "-o", tmp_path / "o.webp"), "is there already"),
        (("-", "-o", "-", "--variants", 3), "expected one answer"),
    ):
        assert run("colorize", *arguments, *options) == 2
        assert message in one_line(capsys)
