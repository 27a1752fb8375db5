"""Fixtures: photographs that installed packages carry, a tiny configuration, the shared folder."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gan_color import models
from gan_color.config import Config, parse
from gan_color.data import samples
from gan_color.export import save_model
from gan_color.strict_yaml import apply_override

# Workers of pytest -n share the cores, and so do the processes that tests start: more threads than
# cores wait for each other at every operation.
THREADS = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
torch.set_num_threads(THREADS)
os.environ["OMP_NUM_THREADS"] = str(THREADS)
# Child processes of tests are forked from a server that has imported what takes seconds.
multiprocessing.set_forkserver_preload(["gan_color.training.run"])
REPOSITORY = Path(__file__).parent.parent

# Files that share such a server, or the notebooks' kernel: each group stays with one worker of
# pytest -n, so that one is started. (Marks cannot say it: pytest 9.2 hides them from xdist 3.8.)
PROCESSES = ("evaluate", "inflection_runs", "resume", "steps", "web_page")
TOGETHER = {
    **{f"test_{name}.py": "processes" for name in PROCESSES},
    "test_notebooks.py": "notebooks",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return TOGETHER.get(Path(nodeid.partition("::")[0]).name, nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real photographs and weights that are no part of the project."""
    folder = os.environ.get("GAN_COLOR_SHARED")
    if not folder:
        pytest.skip("GAN_COLOR_SHARED names no folder of photographs and weights")
    return Path(folder)


@pytest.fixture(scope="session")
def sample_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return samples.build(tmp_path_factory.mktemp("samples") / "samples")


@pytest.fixture(scope="session")
def coffee() -> Image.Image:
    return Image.open(samples.held_out()).convert("RGB")


def tiny_mapping(folders: tuple[Path, Path], place: Path, **run: object) -> dict[str, object]:
    """A three-stage run of seconds, as a mapping: 24 images a stage in two epochs, fp32."""
    train, valid = (str(folder) for folder in folders)
    common = {"images": 24, "size": 32, "batch": 6, "lr": 1e-3}
    return {
        "run": {
            "name": "tiny",
            "dir": str(place),
            "precision": "fp32",
            "epoch_images": 12,
            "log_every": 1,
            "previews": 2,
            "judged": 2,
            "average_half_life": 10,
            **run,
        },
        "model": {
            "name": "unet",
            "encoder": "mobilenetv3_small_050",
            "encoder_weights": "none",
            "widths": [16, 12, 8, 8, 8],
            "rebalance": 0.5,
        },
        "discriminator": {"width": 8},
        "data": {"folders": [train], "valid": [valid], "workers": 0},
        "stages": [
            {"name": "pretrain", "kind": "supervised", **common},
            {"name": "discriminator", "kind": "discriminator", **common},
            {"name": "gan", "kind": "adversarial", **common},
        ],
    }


@pytest.fixture
def tiny(sample_folders: tuple[Path, Path], tmp_path: Path) -> Config:
    return parse(tiny_mapping(sample_folders, tmp_path / "runs"))


def changed(config: Config, *overrides: str) -> Config:
    mapping = config.model_dump(mode="json")
    for override in overrides:
        apply_override(mapping, override)
    return parse(mapping)


def save_demo_model(folder: Path) -> None:
    """What `make demo` leaves in runs/demo, untrained and with a thinner decoder."""
    widths = (32, 24, 16, 16, 8)
    model = models.create("unet", preset="small", encoder_weights="none", widths=widths)
    save_model(folder / "runs" / "demo" / "model.safetensors", "unet", model, {})


def save_scene_model(path: Path) -> None:
    """A model file that takes every photograph for a forest, by 73 to 27 against a beach."""
    model = models.create("iizuka16", width=8, classes=2, global_size=32)
    model.set_classes(["beach", "forêt"])
    last = model.classifier[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, 1.0]))
    save_model(path, "iizuka16", model, {})
