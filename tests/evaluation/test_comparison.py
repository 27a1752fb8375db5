"""Comparison of models: the command, its page, the blind test."""

import json
import re
from pathlib import Path

import pytest
import torch

from gan_color.evaluation.comparison import compare, model_files
from gan_color.evaluation.protocols import Protocol
from gan_color.hub.model_file import save_model
from gan_color.models import registry
from tests.helpers.command_line import one_line, run


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two tiny models: one colours at random, one is all grey."""
    folder = tmp_path_factory.mktemp("models")
    paths = []
    for name in ("vivid", "grey"):
        torch.manual_seed(0)
        model = registry.create("colornet", channels=[8, 16])
        with torch.no_grad():
            model.head.weight.mul_(0 if name == "grey" else 5)
        paths.append(folder / name / "model.safetensors")
        save_model(paths[-1], "colornet", model, {})
    return paths


def test_the_command_writes_a_page_a_table_and_a_blind_test(
    files: list[Path], sample_folders: tuple[Path, Path], tmp_path: Path, capsys
):
    page, blind = tmp_path / "out" / "report.html", tmp_path / "blind.html"
    names = ",".join(str(path.parent) for path in files)  # folders of runs do as well
    capsys.readouterr()
    assert (
        run("compare", "--models", names, "--data", sample_folders[1], "-o", page,
            "--turing", blind, "--shown", 2, "--device", "cpu")
        == 0
    )  # fmt: skip
    table = capsys.readouterr().out
    assert re.search(r"^PSNR \(dB\) +\d", table, re.MULTILINE)
    assert re.search(r"^seconds a picture +– +\d\.\d{3} +\d\.\d{3}$", table, re.MULTILINE)
    text = page.read_text()
    assert text.count("<img") == 2 * 4  # grey | vivid | grey model | truth
    assert "vivid/model" in text
    assert not re.search(r'(src|href)="(?!data:)', text)  # works offline
    data = json.loads(re.search(r"const data = (\{.*?\});\n", blind.read_text()).group(1))
    assert data["models"] == ["vivid/model", "grey/model"]
    assert len(data["photos"]) == 2
    assert all(photo["truth"].startswith("data:image/png") for photo in data["photos"])


def test_grey_is_as_good_as_grey_and_pictures_are_in_order(
    files: list[Path], sample_folders: tuple[Path, Path]
):
    found = compare(files, sample_folders[1], Protocol(size=64), shown=3)
    figures = {result.answer.name: result.figures for result in found.results}
    assert figures["grey/model"]["psnr"] == pytest.approx(figures["grey"]["psnr"], abs=1e-3)
    assert figures["vivid/model"]["psnr"] < figures["grey"]["psnr"]
    assert len(found.shown) == 3
    assert len({shown.file for shown in found.shown}) == 3
    for shown in found.shown:
        assert list(shown.pictures) == ["grey", "vivid/model", "grey/model", "truth"]
        assert shown.pictures["grey"].tobytes() == shown.pictures["grey/model"].tobytes()
        assert shown.pictures["truth"].tobytes() != shown.pictures["vivid/model"].tobytes()
    assert found.sheet(side=32).size == (4 * 32, 3 * 32)


@pytest.mark.parametrize(
    ("models", "message"),
    [(",", "expected files or runs"), ("none.safetensors", "found no file 'none.safetensors'")],
)
def test_mistakes_are_one_line(models: str, message: str, sample_folders, tmp_path, capsys):
    assert (
        run("compare", "--models", models, "--data", sample_folders[1], "-o", tmp_path / "r") == 2
    )
    assert message in one_line(capsys)
    assert not (tmp_path / "r").exists()


def test_spaces_and_empty_names_are_forgiven(tmp_path: Path):
    assert model_files(f" {tmp_path} ,a.safetensors,") == [
        tmp_path / "model.safetensors",
        Path("a.safetensors"),
    ]


def test_the_blind_test_counts_what_is_taken_for_real(
    files: list[Path], sample_folders: tuple[Path, Path], tmp_path: Path
):
    """In a real browser: always the left picture, then the tally adds up."""
    sync_api = pytest.importorskip("playwright.sync_api")
    browser_path = Path("/usr/bin/chromium")
    if not browser_path.exists():
        pytest.skip("found no /usr/bin/chromium to open the page with")
    page_path = tmp_path / "blind.html"
    compare(files, sample_folders[1], Protocol(size=32), shown=3, turing=page_path)
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
    for row, name in zip(rows, ("vivid/model", "grey/model"), strict=True):
        cells = row.split("\t")
        assert cells[0] == name
        fooled, shown = map(int, cells[1].split(" of "))
        assert 0 <= fooled <= shown == 3


def test_models_lists_what_each_costs_and_needs(capsys):
    assert run("models", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {name.split("/")[0] for name in rows} == set(registry.names())
    assert rows["zhang16"]["parameters"] == 32_236_011 - 626
    assert rows["zhang16"]["gflops_256"] == pytest.approx(83.5, abs=0.1)
    assert rows["zhang16"]["adversarial"] is False
    assert "prior" in rows["zhang16"]["needs"]
    assert rows["pix2pixhd"]["gflops_256"] == pytest.approx(107.5, abs=0.1)
    assert rows["ddcolor/tiny"]["gflops_256"] == pytest.approx(50.3, abs=1.0)
