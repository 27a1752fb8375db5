"""Gray photographs are no truth: they are skipped and counted, as training does it."""

from pathlib import Path

import pytest
from PIL import Image

from gan_color.config.data import DataConfig
from gan_color.data.index import ScanCache, scan
from gan_color.errors import GanColorError
from gan_color.evaluation.evaluator import evaluate
from gan_color.evaluation.per_image import MetricNetworks
from gan_color.evaluation.predictors import baseline
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.evaluation.report import describe_images, write_page
from tests.helpers.evaluating import CPU, figures


def with_gray(folder: Path) -> list[str]:
    """Adds the folder's photographs without their color; returns the names."""
    for path in list(folder.glob("*.png")):
        Image.open(path).convert("L").save(folder / f"gray_{path.name}")
    return sorted(path.name for path in folder.glob("gray_*"))


def test_gray_photographs_are_skipped_and_counted(photographs, tmp_path, capsys):
    alone = figures([baseline("gray")], photographs, tmp_path / "alone")["gray"]
    names = with_gray(photographs)
    mixed = figures([baseline("gray")], photographs, tmp_path / "mixed")["gray"]
    assert [Path(path).name for path in mixed["gray"]] == names
    assert (mixed["n"], alone["n"], alone["gray"]) == (6, 6, [])
    assert mixed["psnr"] == alone["psnr"]
    assert mixed["colorfulness_truth_ci"] == alone["colorfulness_truth_ci"]
    kept, summary = evaluate(
        [baseline("gray")],
        photographs,
        EvalProtocol("imagenet5k-crop", 64, keep_gray=True),
        MetricNetworks(),
        CPU,
        tmp_path / "mixed",
    )
    found = kept[0].figures
    assert (found["n"], found["gray"], found["keep_gray"]) == (12, [], True)
    assert found["psnr"] > 1.5 * alone["psnr"]  # what the all-gray answer gets for gray truth
    assert describe_images(mixed) == (
        "6 images (6 gray skipped, 1 unreadable), protocol imagenet5k-crop; "
        "95% intervals in brackets"
    )
    assert "12 images (1 unreadable, gray ones kept)" in describe_images(found)
    write_page(tmp_path / "page.html", kept, summary, EvalProtocol(keep_gray=True))
    assert "gray ones kept" in (tmp_path / "page.html").read_text()


def test_a_folder_of_gray_photographs_only_is_refused(photographs, tmp_path):
    with_gray(photographs)
    for path in photographs.glob("[0-9].png"):
        path.unlink()
    message = r"found 6 gray and 1 unreadable files .* expected color photographs; --keep-gray"
    with pytest.raises(GanColorError, match=message):
        figures([baseline("gray")], photographs, tmp_path / "work")
    assert not list((tmp_path / "work").glob(".evaluate-*"))


def test_training_and_evaluation_call_the_same_photographs_gray(photographs, tmp_path):
    with_gray(photographs)
    for i in range(1, 6):  # around the threshold
        faint = Image.blend(
            Image.open(photographs / "gray_0.png").convert("RGB"),
            Image.open(photographs / "0.png"),
            i / 25,
        )
        faint.save(photographs / f"faint_{i}.png")
    data = DataConfig(folders=(photographs,))
    trained = scan(data.folders, data, ScanCache(None)).files
    gray = [str(file.path) for file in trained if file.gray]
    assert 6 < len(gray) < 11
    assert figures([baseline("gray")], photographs, tmp_path / "work")["gray"]["gray"] == gray
