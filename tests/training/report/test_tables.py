"""Tables of a run's page: numbers with three digits, time by stage, sessions."""

from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from gan_color.training.report.numbers import losses_on, three_digits
from gan_color.training.report.sessions import Session, read_sessions
from gan_color.training.report.tables import figures, session_table, stage_table, version_table

ROWS = [
    {"stage": "pretrain", "images": "60", "total_images": "60", "lr": "0.1"}
    | {"images_per_second": "2.0", "pixel": "0.51234567", "colorfulness_loss": "0.0"},
    {"stage": "pretrain", "images": "120", "total_images": "120", "lr": "0.1"}
    | {"images_per_second": "0.25", "pixel": "0.41234567", "total": "0.5"},
    {"stage": "pretrain", "images": "120", "total_images": "120", "psnr": "21.98765"},
    {"stage": "gan", "images": "10", "total_images": "130", "adversarial": "1234.5", "psnr": ""}
    | {"images_per_second": "5", "accuracy_0": "0.9", "gradient_norm": "3", "discriminator": "1"},
]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0"), (0.5123456, "0.512"), (1.2, "1.20"), (45.678, "45.7"), (123.4, "123")),
        *((99.96, "100"), (-0.00123456, "-0.00123"), (0.00012345, "1.23e-04")),
        *((12345.6, "12,346"), (3, "3"), (12345, "12,345"), (float("nan"), "nan")),
    ],
)
def test_three_digits(value: float, text: str):
    assert three_digits(value) == text


def test_losses_that_are_off_are_no_losses():
    assert losses_on(ROWS) == ["pixel", "adversarial"]


def test_a_stage_has_its_images_time_speed_and_last_figures():
    header, rows = stage_table(ROWS)
    assert header[:4] == ["stage", "images", "time", "images/s"]
    assert header[4:] == ["PSNR, dB", "discriminator", "pixel", "adversarial"]
    assert rows == [
        ["pretrain", "120", "8 min", "0.250", "22.0", "–", "0.412", "–"],
        ["gan", "10", "2 s", "5.00", "–", "1.00", "–", "1,234"],
    ]


def test_figures_of_any_kind():
    found = figures({"a": "21.98765", "b": None, "c": "gan", "d": 2000, "e": "1200", "f": True})
    assert found == {"a": "22.0", "b": "–", "c": "gan", "d": "2,000", "e": "1,200", "f": "True"}


def test_sessions_add_up(tmp_path: Path, monkeypatch):
    assert read_sessions(tmp_path) == []
    clock = iter([0.0, 0.0, 30.0, 100.0, 100.0, 700.0])
    monkeypatch.setattr("gan_color.training.report.sessions.time.perf_counter", lambda: next(clock))
    device = torch.device("cpu")
    Session(tmp_path, device, "fp32", 0).update(12)
    other = Session(tmp_path, device, "bf16", 12)
    other.content |= {"commit": "0123456789abcdef", "versions": {"torch": "9.9"}}
    other.update(2400)
    first, second = read_sessions(tmp_path)
    assert (first["seconds"], second["seconds"]) == (30.0, 600.0)
    header, rows = session_table([first, second])
    images = [row[header.index("images")] for row in rows]
    assert images == ["0 to 12", "12 to 2,400"]
    assert rows[1][header.index("wall clock")] == "10 min"
    assert rows[1][header.index("device")] == "cpu, bf16"
    assert rows[1][header.index("commit")] == "0123456789"
    versions = version_table([first, second])
    assert versions["torch"] == f"{version('torch')}, then 9.9"
    assert "timm" in versions
