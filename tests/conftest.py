"""Fixtures: photographs that installed packages carry, a tiny configuration, the shared folder."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gan_color.config.schema import Config, parse
from gan_color.data import samples
from tests.helpers.runs import tiny_mapping

# Workers of pytest -n share the cores, and so do the processes that tests start: more threads than
# cores wait for each other at every operation. OMP_NUM_THREADS=1 where others work beside.
ALONE = int(os.environ.get("OMP_NUM_THREADS", "2"))
THREADS = 1 if "PYTEST_XDIST_WORKER" in os.environ else ALONE
torch.set_num_threads(THREADS)
os.environ["OMP_NUM_THREADS"] = str(THREADS)
# Child processes of tests are forked from a server that has imported what takes seconds.
multiprocessing.set_forkserver_preload(["gan_color.training.trainer"])

# A file stays with one worker of pytest -n, so that what its tests share is made once; so do files
# that share such a server, or the notebooks' kernel. (`--dist loadgroup` cannot do it: xdist 3.8
# writes a mark's group to `Item._nodeid`, which pytest 9.2 no longer reads.)
PROCESSES = ("evaluator", "best_snapshot", "resume", "ranks", "hours", "mirror", "page")
TOGETHER = {
    **{f"test_{name}.py": "processes" for name in PROCESSES},
    "test_notebooks.py": "notebooks",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return TOGETHER.get(Path(file).name, file)

    # In the order of their names: the longest of all, of the GPU kit, comes early.
    config.option.loadscopereorder = False
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


@pytest.fixture
def tiny(sample_folders: tuple[Path, Path], tmp_path: Path) -> Config:
    return parse(tiny_mapping(sample_folders, tmp_path / "runs"))
