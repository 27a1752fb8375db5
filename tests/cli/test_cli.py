"""The command line, as a person types it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from gan_color.training.loggers.csv_log import CsvLog
from tests.helpers.command_line import one_line, run
from tests.helpers.runs import REPOSITORY, save_scene_model


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train",), "expected one of --config FILE and --resume FOLDER"),
        (("train", "--config", "missing.yml"), "found no file 'missing.yml'"),
        (("train", "--resume", "missing"), "found no config.yml"),
        (("train", "--bogus"), "No such option"),
        (("colorize",), "Missing argument"),
        (("colorize", "x.jpg", "-o", "y", "--model", "none.safetensors"), "found no file"),
        (("evaluate", "--model", "none.safetensors", "--data", "."), "found no file"),
        (("lr-find",), "expected --config FILE"),
        (("video", "x.mp4", "y.mp4", "-m", "none.safetensors"), "found no file"),
        (("export", "x.safetensors"), "expected one or more of --onnx, --fp16 and --card"),
        (("export", "x.safetensors", "--private", "--card", "c.md"), "--private belongs to"),
        (
            ("export", "x.safetensors", "--card", "c.md", "--record", "r.yml"),
            "--record belongs to the file that --fp16 writes",
        ),
        (("export", "none.safetensors", "--card", "c.md"), "found no file"),
        (
            ("export", "x.safetensors", "--card", "c.md", "--runtime", "r.tgz"),
            "--runtime belongs to the folder that --web writes",
        ),
        (("export", "x.safetensors", "--web", "."), "found a folder with files at '.'"),
        (("export", "x.safetensors", "--web", "s", "--runtime", "r.tgz"), "found no 'r.tgz'"),
        (("nonsense",), "nonsense"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message, capsys):
    assert run(*arguments) == 2
    assert message in one_line(capsys)


def test_photos_are_colorized_and_bad_ones_reported(trained, tmp_path, coffee, capsys):
    album = tmp_path / "album"
    album.mkdir()
    coffee.resize((60, 40)).save(album / "good.jpg")
    (album / "bad.jpg").write_text("x")
    model = trained / "model.safetensors"
    capsys.readouterr()
    assert run("colorize", album, "-o", tmp_path / "out", "--model", model, "--render", 64) == 2
    errors = capsys.readouterr().err
    assert "bad.jpg: not an image in a known format" in errors
    assert "colorized 1 of 2" in errors
    assert "1 failed" in errors
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["good.jpg"]
    assert "gan_color" in Image.open(tmp_path / "out" / "good.jpg").getexif()[0x0131]
    again = ("-m", model, "--format", "png", "--strength", 0, "--render", 64)
    nameless = tmp_path / "nameless.png"
    assert run("colorize", album / "good.jpg", "-o", nameless, "--no-provenance", *again) == 0
    assert 0x0131 not in Image.open(nameless).getexif()
    assert run("colorize", album / "good.jpg", "-o", tmp_path / "out", *again) == 0
    before, after = Image.open(album / "good.jpg"), Image.open(tmp_path / "out" / "good.png")
    assert before.convert("RGB").tobytes() == after.tobytes()  # strength 0: the photo itself
    capsys.readouterr()
    assert run("colorize", album / "good.jpg", "-o", tmp_path / "out", *again) == 0
    assert "colorized 0 of 1 photos" in (told := capsys.readouterr().err)
    assert "1 skipped (already exist)" in told
    assert run("colorize", album / "good.jpg", "-o", tmp_path / "o.png", "--model", model) == 0
    assert Image.open(tmp_path / "o.png").size == (60, 40)
    assert (
        run("colorize", album / "good.jpg", "-o", tmp_path / "p.png", "-m", model, "--render", 7)
        == 2
    )
    assert (
        run(
            "colorize",
            album / "good.jpg",
            "-o",
            tmp_path / "p.png",
            "-m",
            model,
            "--device",
            "cuda:99",
        )
        == 2
    )
    assert not (tmp_path / "p.png").exists()


OFF = ("--fid-weights", "off", "--lpips-weights", "off")


def test_evaluate_prints_and_writes_its_figures(trained, sample_folders, tmp_path, capsys):
    path, page = tmp_path / "deep" / "figures.json", tmp_path / "deep" / "page.html"
    model = trained / "model.safetensors"
    data = sample_folders[1]
    assert run("evaluate", "-m", model, "-d", data, "--json", path, "--html", page, *OFF) == 0
    figures = json.loads(path.read_text())
    keys = "n protocol psnr ssim lpips delta_e2000 colorfulness colorfulness_signed fid kid frechet"
    for key in (*keys.split(), "colorfulness_truth"):
        assert key in figures
        assert f"{key}_ci" in figures or key in ("n", "protocol")
        assert figures[key] is not None or figures[f"{key}_reason"]
    assert figures["n"] == 14
    assert figures["model_sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert figures["baselines"]["gray"]["colorfulness"] < 0.01
    out, err = capsys.readouterr()
    assert "14 images" in out
    assert out.index("colorfulness of the truth") < out.index("PSNR")
    assert "--fid-weights off" in err
    assert page.read_text().count("data:image/jpeg") == 2 * 8
    assert sorted(p.name for p in path.parent.iterdir()) == ["figures.json", "page.html"]


def test_several_models_become_a_list(trained, sample_folders, tmp_path, capsys):
    other = tmp_path / "other.safetensors"
    shutil.copy(trained / "model.safetensors", other)
    path = tmp_path / "f.json"
    both = ("-m", trained / "model.safetensors", "-m", other)
    options = ("--baseline", "none", "--protocol", "stretch256", "--json", path)
    assert run("evaluate", *both, "-d", sample_folders[1], *options, *OFF) == 0
    first, second = json.loads(path.read_text())
    assert (first["predictor"], second["predictor"]) == ("model", "other")
    assert first["psnr"] == second["psnr"]
    assert first["protocol"] == "stretch256"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--frechet", "resnet18", "--frechet-weights", "no.safetensors"), "no.safetensors"),
        (
            ("--frechet", "resnet18", "--frechet-kwargs", "[1"),
            "--frechet-kwargs, line 1: not valid YAML",
        ),
        (("--protocol", "val5k"), "found 'val5k', expected one of imagenet5k-crop"),
        (("--baseline", "sepia"), "found 'sepia', expected one of truth, gray"),
        (("--fid-weights", "no.pth"), "--fid-weights: found no file 'no.pth'"),
        (("--lpips-weights", "README.md"), "--lpips-weights: README.md has SHA-256"),
    ],
)
def test_evaluate_says_what_is_wrong(
    options, message, trained, sample_folders, capsys, monkeypatch
):
    monkeypatch.chdir(REPOSITORY)
    off = [x for x in OFF if not {"--fid-weights", "--lpips-weights"} & set(options)]
    arguments = ("-m", trained / "model.safetensors", "-d", sample_folders[1], *off, *options)
    assert run("evaluate", *arguments) == 2
    assert message in one_line(capsys)


def test_evaluate_needs_an_answer(sample_folders, capsys):
    assert run("evaluate", "-d", sample_folders[1]) == 2
    assert "expected --model FILE or --baseline NAME" in one_line(capsys)


def test_a_model_that_names_scenes_names_them_beside_the_file(tmp_path, coffee, capsys):
    save_scene_model(tmp_path / "m.safetensors")
    coffee.resize((60, 40)).save(tmp_path / "x.png")
    target = tmp_path / "y.png"
    assert run("colorize", tmp_path / "x.png", "-o", target, "-m", tmp_path / "m.safetensors") == 0
    told = "".join(capsys.readouterr().err.split())  # whatever the width of the terminal
    assert f"{target}:forêt73%,beach27%" in told


def test_runs_are_listed_and_compared(trained, tmp_path, capsys):
    assert run("runs", trained.parent) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("tiny"))
    assert line.split()[1:4] == ["finished", "gan", "72"]
    psnr = max(float(row["psnr"]) for row in CsvLog(trained / "log.csv").rows() if row["psnr"])
    assert f"{psnr:.3f}" in line
    assert run("runs", tmp_path) == 2
    assert "found no run in" in one_line(capsys)
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    (other / "model.safetensors").unlink()
    text = (other / "config.yml").read_text()
    (other / "config.yml").write_text(text.replace("seed: 0", "seed: 7"))
    page = tmp_path / "deep" / "compare.html"
    assert run("compare-runs", trained, other, "-o", page) == 0
    html = page.read_text()
    assert "<th>run.seed</th><td>0</td><td>7</td>" in html
    assert html.count("run.precision") == 0  # equal keys are hidden
    assert "resumable" in html
    assert "data:image/png" in html
    assert run("compare-runs", trained, tmp_path, "-o", page) == 2
    assert "found no config.yml" in one_line(capsys)


@pytest.mark.parametrize("command", ["compare-runs", "lr-find", "export"])
def test_a_place_that_cannot_be_written_to_is_one_line(command, trained, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    place, model = tmp_path / "file" / "below", trained / "model.safetensors"
    arguments = {
        "compare-runs": (trained, trained, "-o", place / "page.html"),
        "export": (model, "--fp16", place / "m.safetensors"),
        "lr-find": ("-c", trained.parent / "c.yml", "--steps", 40, "--set", f"run.dir={place}"),
    }[command]
    assert run(command, *arguments) == 2
    assert "file" in one_line(capsys)


@pytest.mark.parametrize("command", ["colorize x.png", "serve --port 0"])
def test_threads_wait_passively_beside_other_programs_unless_told(command, tmp_path):
    """Set before torch, which reads it once, can have been imported."""
    code = (
        "import builtins, os, sys\n"
        "from gan_color.cli import main\n"
        "load = builtins.__import__\n"
        "def watched(name, *rest):\n"
        "    if name == 'torch' and 'torch' not in sys.modules:\n"
        "        print(os.environ.get('OMP_WAIT_POLICY'))\n"
        "        raise SystemExit\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = watched\n"
        f"main({command.split()!r})\n"
    )
    Image.new("L", (40, 40)).save(tmp_path / "x.png")
    for policy, expected in ((None, "PASSIVE"), ("ACTIVE", "ACTIVE")):
        environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
        environment |= {} if policy is None else {"OMP_WAIT_POLICY": policy}
        child = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert child.stdout.split() == [expected], child.stderr
