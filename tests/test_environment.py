"""The ways of setting the project up agree with each other."""

import re
import subprocess
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.helpers.runs import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LOCK = (REPOSITORY / "requirements.lock").read_text()


def requirements(lines: list[str]) -> list[Requirement]:
    return [Requirement(line) for line in lines]


def test_conda_users_get_the_same_packages():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    python, pip, section = environment["dependencies"]
    assert python == f"python{PROJECT['requires-python']}"
    assert pip == "pip"
    *packages, itself = section["pip"]
    assert packages == PROJECT["dependencies"]
    assert itself == f"-e .[{','.join(PROJECT['optional-dependencies'])}]"


def test_every_range_is_bounded_below_and_met_by_the_lock():
    locked: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", LOCK, re.MULTILINE):
        locked.setdefault(name, []).append(Version(version))
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for requirement in requirements(PROJECT["dependencies"] + extras):
        assert any(s.operator == ">=" for s in requirement.specifier), requirement
        found = locked[requirement.name.lower()]
        assert all(requirement.specifier.contains(version) for version in found), requirement


def test_the_lock_has_hashes_and_names_no_index():
    entries = len(re.findall(r"^[a-z0-9._-]+==", LOCK, re.MULTILINE))
    assert entries > 50
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--(extra-)?index|--find", LOCK)


def test_the_fixed_packages_are_dependencies():
    names = {requirement.name for requirement in requirements(PROJECT["dependencies"])}
    assert names >= {
        "torch",
        "torchvision",
        "timm",
        "fastai",
        "albumentations",
        "wandb",
        "scikit-image",
        "requests",
        "beautifulsoup4",
    }


def test_the_project_stands_alone():
    """No file that git tracks leads to the folder that GAN_COLOR_SHARED names."""
    found = subprocess.run(
        ["git", "grep", "-lE", r"\.\./shared|/shared/"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert set(found.stdout.split()) <= {"tests/test_environment.py"}
