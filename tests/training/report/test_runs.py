"""Runs side by side: equal curves are seen and said."""

from pathlib import Path

import matplotlib.figure
import pytest

from gan_color.training.loggers.csv_log import CsvLog
from gan_color.training.report.runs import compare_runs, identical_curves


def rows(scale: float = 1.0, **more: object) -> list[dict[str, str]]:
    return [
        {"stage": "s", "total_images": str(10 * i), "lr": "0.1", "pixel": str(scale / (i + 1))}
        | {name: str(value) for name, value in more.items()}
        for i in range(3)
    ]


def test_identical_runs_are_said_to_be():
    found = identical_curves({"a": rows(), "b": rows(2.0), "c": rows()})
    assert found == [
        "a, b and c are identical in learning rate.",
        "a and c are identical in pixel.",
    ]
    assert identical_curves({"a": rows(), "b": rows()}) == ["a and b are identical in every curve."]
    assert identical_curves({"a": rows(lr=1), "b": rows(2.0)}) == []
    assert identical_curves({"a": rows()}) == []


def test_a_curve_that_one_run_lacks_is_not_every_curve():
    found = identical_curves({"a": rows(), "b": rows(psnr=20)})
    assert found == ["a and b are identical in learning rate, pixel."]


def test_identical_curves_stay_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines: list[list[tuple[float, str]]] = []
    save = matplotlib.figure.Figure.savefig

    def savefig(self, *args, **kwargs):
        lines.extend(
            [(line.get_linewidth(), line.get_linestyle()) for line in axes.lines]
            for axes in self.axes
        )
        save(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", savefig)
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yml").write_text(f"run: {{name: {name}}}\n")
        for row in rows():
            CsvLog(tmp_path / name / "log.csv").add(row)
    compare_runs([tmp_path / name for name in "abc"], tmp_path / "page.html")
    assert len(lines) == 2  # learning rate and pixel loss
    for first, second, third in lines:
        assert first[0] > second[0] > third[0]  # what lies below is wider
        assert first[1] == "-"
        assert "-" not in (second[1], third[1])  # and shows through the gaps
    text = (tmp_path / "page.html").read_text()
    assert "a, b and c are identical in every curve." in text
