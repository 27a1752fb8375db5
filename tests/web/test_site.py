"""The static site as files: whole or not at all, and nothing of it is missing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gan_color.errors import GanColorError
from gan_color.hub.model_file import load_model
from gan_color.inference.onnx_model import OnnxColorizer
from gan_color.web import examples, runtime
from gan_color.web import site as sites
from tests.helpers.onnxruntime_web import write_folder
from tests.helpers.web_photos import write_hinted_model


@pytest.fixture(scope="module", autouse=True)
def one_example() -> Iterator[None]:
    """Coloring all of them takes longer than everything else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "EXAMPLES", ("none", "coffee"))
        yield


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def site(model: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sites") / "new" / "site"
    notes = sites.write_site(model, folder, package)
    assert "float16; ab differs from PyTorch by" in notes[0]
    assert [path.name for path in folder.parent.iterdir()] == ["site"]
    return folder


def test_every_address_of_the_page_is_there(site: Path):
    page = (site / "index.html").read_text()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) > 5
    assert [each for each in addresses if not (site / each).is_file()] == []
    assert "<!--" not in page
    assert "server" not in page
    scripts = list((site / "static").rglob("*.js"))
    imports = [
        (path, name)
        for path in scripts
        for name in re.findall(r'"(\.[^"]+\.js)"', path.read_text())
    ]
    assert len(imports) > 15
    assert [name for path, name in imports if not (path.parent / name).is_file()] == []


def test_the_page_and_the_words_for_it_have_the_same_places():
    page = (sites.WEB / "static" / "index.html").read_text()
    assert sorted(sites.MARK.findall(page)) == sorted(sites.WORDS)


def test_the_service_worker_names_files_that_are_there_and_changes_with_any(
    site: Path, model: Path, package: Path, tmp_path: Path, monkeypatch
):
    text = (site / "service-worker.js").read_text()
    (listed,) = re.findall(r"const FILES = (\[.*\]);", text)
    names = json.loads(listed)
    assert {"./", "index.html", "site.json", "static/app.js", "static/engine/worker.js"} <= {*names}
    assert [name for name in names if not (site / name).exists()] == []
    assert not [name for name in names if name.startswith(("model", "runtime"))]
    monkeypatch.setitem(sites.WORDS, "without", "Changed.")
    sites.write_site(model, tmp_path / "other", package)
    other = (tmp_path / "other" / "service-worker.js").read_text()
    (before,), (after,) = (re.findall(r'PREFIX \+ "(\w+)"', each) for each in (text, other))
    assert before != after


def test_the_model_is_half_as_large_and_answers_as_the_page_is_told(site: Path, model: Path):
    described = json.loads((site / "site.json").read_text())
    (found,) = described["models"]
    assert (found["name"], found["file"]) == ("my model", "my_model.onnx")
    assert (found["hints"], found["palette"], found["variants"]) == (True, 316, True)
    assert (found["good_at"], found["bad_at"]) == ("", "")
    file = site / "model" / found["file"]
    assert found["bytes"] == file.stat().st_size < 0.6 * model.stat().st_size
    bank = load_model(model).palettes
    for name, rows in json.loads((site / "model" / found["palettes"]).read_text()).items():
        assert (torch.tensor(rows) - getattr(bank, name)).abs().max() < 1e-5
    assert found["stride"] == OnnxColorizer(file).stride
    assert len({*found["probe"]["ab"]}) > 8
    assert len(described["bin_of"]) == 23**2
    assert len(described["bins"]) == max(described["bin_of"]) + 1
    assert described["examples"] == ["coffee"]
    assert (site / "examples" / "coffee-colorized.jpg").stat().st_size > 1000


def test_what_float16_cannot_hold_stays_float32(model: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("gan_color.inference.onnx_model.HALF_TOLERANCE", 0.0)
    described, notes = sites._write_model(tmp_path, model, "m", sites.read_header(model))
    assert "float32" in notes[0]
    assert described["bytes"] > 0.9 * model.stat().st_size


def test_a_model_without_palettes_has_one_answer(tmp_path: Path):
    model = tmp_path / "plain.safetensors"
    write_hinted_model(model)
    described, _ = sites._write_model(tmp_path / "site", model, "m", sites.read_header(model))
    assert (described["variants"], described["palettes"]) == (False, "")
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["m.onnx"]


def test_what_is_there_is_never_replaced(model: Path, package: Path, tmp_path: Path):
    kept = tmp_path / "kept" / "photo.jpg"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(GanColorError, match=r"found a folder with files at .* delete it"):
        sites.write_site(model, kept.parent, package)
    with pytest.raises(GanColorError, match="found a file at"):
        sites.write_site(model, kept, package)
    with pytest.raises(GanColorError, match="cannot be written"):
        sites.write_site(model, kept / "below", package)
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "photo.jpg"]
    assert kept.read_text() == "mine"


def test_a_site_that_fails_leaves_nothing(model: Path, package: Path, tmp_path: Path, monkeypatch):
    def fail(name: str) -> bytes:
        assert list(tmp_path.iterdir()) != []  # it was under way
        raise KeyboardInterrupt

    monkeypatch.setattr(examples, "gray", fail)
    with pytest.raises(KeyboardInterrupt):
        sites.write_site(model, tmp_path / "site", package)
    assert list(tmp_path.iterdir()) == []
    broken = tmp_path.with_name("broken.safetensors")
    broken.write_text("none")
    with pytest.raises(GanColorError):
        sites.write_site(broken, tmp_path / "site", package)
    assert list(tmp_path.iterdir()) == []


def test_the_license_of_what_runs_the_model_is_beside_it(site: Path):
    assert "Microsoft" in (site / "runtime" / "LICENSE.txt").read_text()
    assert {path.name for path in (site / "runtime").iterdir()} == {
        *runtime.FILES.values(),
        "LICENSE.txt",
    }
    assert (site / "about.txt").read_text().startswith("# my model.safetensors")
