"""A finished run, for commands that take one."""

from pathlib import Path

import pytest
import yaml

from tests.helpers.command_line import run
from tests.helpers.runs import tiny_mapping


@pytest.fixture(scope="module")
def trained(sample_folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, and its config beside it."""
    place = tmp_path_factory.mktemp("cli")
    mapping = tiny_mapping(sample_folders, place)
    (place / "c.yml").write_text(yaml.safe_dump(mapping))
    assert run("train", "--config", place / "c.yml") == 0
    return place / "tiny"
