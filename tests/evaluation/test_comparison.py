"""Comparison of models: the command, its page, the blind test."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from gan_color.evaluation.comparison import compare, model_files
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.hub.model_file import save_model
from gan_color.models import registry
from tests.helpers.command_line import one_line, run


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two tiny models: one colors at random, one is all gray."""
    folder = tmp_path_factory.mktemp("models")
    paths = []
    for name in ("vivid", "gray"):
        torch.manual_seed(0)
        model = registry.create("colornet", channels=[8, 16])
        with torch.no_grad():
            model.head.weight.mul_(0 if name == "gray" else 5)
        paths.append(folder / name / "model.safetensors")
        save_model(paths[-1], "colornet", model, {})
    return paths


def test_gray_photographs_are_counted_and_neither_measured_nor_shown(
    files: list[Path], sample_folders: tuple[Path, Path], tmp_path: Path, capsys
):
    for i, path in enumerate(sorted(sample_folders[1].iterdir())[:3]):
        shutil.copy(path, tmp_path / f"{i}_color.png")
        Image.open(path).convert("L").save(tmp_path / f"{i}_gray.png")
    common = ("compare", "-m", files[0], "-d", tmp_path, "--device", "cpu", "--num-images", 4)
    page = tmp_path / "out" / "page.html"
    assert run(*common, "-o", page) == 0
    assert "3 images (3 gray skipped), protocol" in capsys.readouterr().out
    assert page.read_text().count("<img") == 3 * 3  # gray | vivid | truth
    assert "3 images (3 gray skipped)" in page.read_text()
    assert run(*common, "-o", page, "--keep-gray") == 0
    assert "6 images (gray ones kept)" in capsys.readouterr().out


def test_the_command_writes_a_page_a_table_and_a_blind_test(
    files: list[Path], sample_folders: tuple[Path, Path], tmp_path: Path, capsys
):
    page, blind = tmp_path / "out" / "report.html", tmp_path / "blind.html"
    names = [part for path in files for part in ("--model", path.parent)]  # folders of runs do
    capsys.readouterr()
    assert (
        run("compare", *names, "--data", sample_folders[1], "-o", page,
            "--turing", blind, "--num-images", 2, "--device", "cpu")
        == 0
    )  # fmt: skip
    table = capsys.readouterr().out
    assert re.search(r"^PSNR \(dB\) +\d", table, re.MULTILINE)
    assert re.search(r"^seconds an image +– +\d\.\d{3} +\d\.\d{3}$", table, re.MULTILINE)
    text = page.read_text()
    assert text.count("<img") == 2 * 4  # gray | vivid | gray model | truth
    assert "vivid/model" in text
    assert not re.search(r'(src|href)="(?!data:)', text)  # works offline
    data = json.loads(re.search(r"const data = (\{.*?\});\n", blind.read_text()).group(1))
    assert data["models"] == ["vivid/model", "gray/model"]
    assert len(data["photos"]) == 2
    assert all(photo["truth"].startswith("data:image/png") for photo in data["photos"])


def test_gray_is_as_good_as_gray_and_images_are_in_order(
    files: list[Path], sample_folders: tuple[Path, Path]
):
    found = compare(files, sample_folders[1], EvalProtocol(size=64), shown=3)
    figures = {result.predictor.name: result.figures for result in found.results}
    assert figures["gray/model"]["psnr"] == pytest.approx(figures["gray"]["psnr"], abs=1e-3)
    assert figures["vivid/model"]["psnr"] < figures["gray"]["psnr"]
    assert len(found.shown) == 3
    assert len({shown.file for shown in found.shown}) == 3
    for shown in found.shown:
        assert list(shown.images) == ["gray", "vivid/model", "gray/model", "truth"]
        assert shown.images["gray"].tobytes() == shown.images["gray/model"].tobytes()
        assert shown.images["truth"].tobytes() != shown.images["vivid/model"].tobytes()
    assert found.sheet(side=32).size == (4 * 32, 3 * 32)


def test_a_missing_model_is_one_line(sample_folders, tmp_path, capsys):
    options = ("--data", sample_folders[1], "-o", tmp_path / "r")
    assert run("compare", "--model", "none.safetensors", *options) == 2
    assert "found no file 'none.safetensors'" in one_line(capsys)
    assert not (tmp_path / "r").exists()


def test_a_runs_folder_stands_for_its_model(tmp_path: Path):
    names = [str(tmp_path), "a.safetensors"]
    assert model_files(names) == [tmp_path / "model.safetensors", Path("a.safetensors")]


def test_the_blind_test_counts_what_is_taken_for_real(
    files: list[Path], sample_folders: tuple[Path, Path], tmp_path: Path
):
    """In a real browser: always the left image, then the tally adds up."""
    sync_api = pytest.importorskip("playwright.sync_api")
    browser_path = Path("/usr/bin/chromium")
    if not browser_path.exists():
        pytest.skip("found no /usr/bin/chromium to open the page with")
    page_path = tmp_path / "blind.html"
    compare(files, sample_folders[1], EvalProtocol(size=32), shown=3, turing=page_path)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(browser_path), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.goto(page_path.as_uri())
        for pair in range(6):
            assert page.text_content("#status").startswith(f"Pair {pair + 1} of 6")
            images = page.locator("#pair img")
            assert images.count() == 2
            images.nth(0).click()
        rows = page.locator("#results tr").all_inner_texts()
        assert page.text_content("#status").startswith("Done")
        browser.close()
    assert len(rows) == 2
    for row, name in zip(rows, ("vivid/model", "gray/model"), strict=True):
        cells = row.split("\t")
        assert cells[0] == name
        fooled, shown = map(int, cells[1].split(" of "))
        assert 0 <= fooled <= shown == 3
