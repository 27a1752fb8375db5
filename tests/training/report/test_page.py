"""Pages of runs: panels that have data, names as text."""

import json
import platform
import shutil
from pathlib import Path
from typing import Any

import matplotlib.figure
import pytest
import torch
from PIL import Image

from gan_color.training.loggers.csv_log import CsvLog
from gan_color.training.report.page import write_report
from gan_color.training.report.runs import compare_runs
from gan_color.training.report.sessions import Session
from tests.helpers.pages import ESCAPED, NASTY, check_page


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, as far as pages read it."""
    folder = tmp_path / NASTY
    (folder / "previews").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "previews" / f"{NASTY}.jpg")
    (folder / "config.yml").write_text("run: {name: '<b>&\"x', seed: 0}\nwidths: [[1, 2], [3]]\n")
    (folder / "data.json").write_text(json.dumps({"train": 3, "classes": {}, "bad": [NASTY]}))
    log = CsvLog(folder / "log.csv")
    log.add({"stage": NASTY, "total_images": 6, "lr": 0.1, "pixel": 0.5})
    log.add({"stage": "gan", "total_images": 12, "lr": 0.1, "psnr_loss": ""})
    return folder


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles of the panels of every figure that is saved, in order."""
    titles: list[str] = []
    save = matplotlib.figure.Figure.savefig

    def savefig(self: matplotlib.figure.Figure, *args: Any, **kwargs: Any) -> None:
        titles.extend(axes.get_title() for axes in self.axes)
        save(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", savefig)
    return titles


def test_a_report_draws_panels_that_have_data(run: Path, panels: list[str]):
    write_report(run)
    assert panels == ["pixel", "learning rate"]


def test_a_report_says_what_the_curves_say_and_what_trained_it(run: Path):
    log = CsvLog(run / "log.csv")
    for i in range(8):
        row = {"stage": "won", "images": i, "total_images": 20 + i, "images_per_second": 2.0}
        log.add({**row, "adversarial": 1.23456, "discriminator": 0.01, "accuracy_0": 1.0})
    assert "Machine" not in write_report(run).read_text()  # of an earlier version
    Session(run, torch.device("cpu"), "fp32", 0).update(28)
    text = write_report(run).read_text()
    assert '<li class="warning">won: the discriminators win: they are right on 100.0 %' in text
    assert "<p>1 of 1 sentences ask for a change.</p>" in text
    assert "<th>won</th><td>7</td><td>4 s</td><td>2.00</td>" in text.replace("\n", "")
    assert "<td>1.23</td>" in text
    assert "of wall clock in all" in text
    assert f'<th>python</th><td class="text">{platform.python_version()}</td>' in text


def test_losses_that_are_off_have_no_axes(run: Path, panels: list[str]):
    log = CsvLog(run / "log.csv")
    log.add({"stage": "gan", "total_images": 18, "perceptual": 0.0, "adversarial": 0.3})
    write_report(run)
    assert panels == ["pixel", "adversarial", "learning rate"]


@pytest.mark.parametrize("own", ["r1", "feature_gate", "apa_probability", "accuracy_features"])
def test_what_discriminators_log_of_themselves_is_no_loss(run: Path, panels: list[str], own: str):
    CsvLog(run / "log.csv").add({"stage": "gan", "total_images": 18, own: 0.2})
    write_report(run)
    assert panels == ["pixel", "discriminators", "learning rate"]


def test_a_run_without_a_log_has_no_curves(run: Path, panels: list[str]):
    (run / "log.csv").unlink()
    assert "Curves" not in write_report(run).read_text()
    assert panels == []


def test_a_report_escapes_names(run: Path, tmp_path: Path):
    image = tmp_path / "x.png"
    Image.new("RGB", (8, 8)).save(image)
    text = check_page(write_report(run, {NASTY: image}))
    assert f"<title>{ESCAPED}</title>" in text
    assert f"<h1>{ESCAPED}</h1>" in text
    assert f'alt="{ESCAPED}"><figcaption>{ESCAPED}</figcaption>' in text
    assert f"truth: {ESCAPED}</figcaption>" in text  # the preview
    assert "<pre>run: {name: &#39;&lt;b&gt;&amp;" in text
    assert text.count("data:image/png") == 2  # the given image and the curves
    assert text.count("data:image/jpeg") == 1


def test_compared_runs_escape_names(run: Path, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    (other / "config.yml").write_text("run: {name: other, seed: 0}\nwidths: [[1, 2], [4]]\n")
    compare_runs([run, other], tmp_path / "page.html")
    text = check_page(tmp_path / "page.html")
    assert f"<th>{ESCAPED}</th><td>empty</td>" in text.replace("\n", "")
    assert "<td>[[1, 2], [3]]</td>" in text  # no interval
    assert "run.seed" not in text
