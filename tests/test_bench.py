"""The benchmarks run and count; their speed is not tested."""

from pathlib import Path

import pytest
import torch

from gan_color.bench.loader import bench_loader
from gan_color.bench.step import bench_step


def test_a_step_is_measured_and_its_work_counted():
    row = bench_step("small", 32, 2, torch.device("cpu"), "fp32", repeats=1, width=8)
    assert row["images_per_second"] == pytest.approx(2 / row["seconds"], rel=0.1)
    assert row["peak_mib"] > 100
    # A step is three generator forwards' worth (forward, two backward products) and some more.
    forward = 9.9 * (32 / 256) ** 2
    assert 2.5 * forward < row["gflop_per_image"] < 6 * forward


def test_a_loader_is_measured(sample_folders: tuple[Path, Path]):
    row = bench_loader(sample_folders[0], 64, images=8, repeats=1)
    assert row["images_per_second_per_core"] > 0
