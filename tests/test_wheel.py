"""What a wheel carries, and that it works where there is no repository.

Unpacked beside this interpreter's packages, a wheel shows in seconds, and without a network, what
data it lacks. GAN_COLOR_WHEEL_TEST=1 (`make test-wheel`) also installs it into empty environments.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from gan_color.data import samples
from tests.helpers.runs import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
# What each extra is there for; dev is for the repository only.
EXTRAS = {
    "web": "import gan_color.web.server, fastapi, uvicorn",
    "tensorboard": "from torch.utils.tensorboard import SummaryWriter",
    "video": "import av, gan_color.inference.video",
    "heic": "import pillow_heif",
    "notebooks": "import jupyterlab",
    "watermarks": "from scrapers.checks.watermark import _reader; _reader(480)",
    "onnx": "import onnx, onnxscript, onnxruntime, gan_color.inference.onnx_model",
}
INSTALLS = pytest.mark.skipif(
    os.environ.get("GAN_COLOR_WHEEL_TEST") != "1",
    reason="installs gigabytes: make test-wheel sets GAN_COLOR_WHEEL_TEST=1",
)


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        pytest.skip("found no uv to build a wheel with")
    return found


def run(*command: object, cwd: Path, **environment: str) -> str:
    """The output of a command that sees nothing of this repository."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert found.returncode == 0, found.stdout[-1500:] + found.stderr[-3000:]
    return found.stdout + found.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the files that git tracks or would add."""
    pytest.importorskip("hatchling", reason="the extra 'dev' has it")
    place = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory")
    run(*command, place, cwd=REPOSITORY)
    (path,) = place.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path, names: set[str]) -> Message:
    (name,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(ZipFile(wheel).read(name).decode())


def files(folder: str, pattern: str) -> Iterator[str]:
    for path in (REPOSITORY / folder).rglob(pattern):
        if path.is_file():
            yield path.relative_to(REPOSITORY).as_posix()


def test_a_wheel_carries_the_recipes_the_weights_and_the_page(names: set[str]):
    assert {f"gan_color/{name}" for name in files("configs", "*.yml")} <= names
    assert set(files("gan_color/weights", "*")) <= names
    # Whatever the packages hold beside modules is there to be read when they run.
    for package in ("gan_color", "scrapers"):
        carried = {name for name in files(package, "*") if "__pycache__" not in name}
        assert carried <= names


def test_a_wheel_carries_nothing_else(names: set[str]):
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"gan_color", "scrapers"}
    assert not [name for name in names if "/tests/" in name or name.endswith((".pyc", ".ipynb"))]
    modules = {name for package in ("gan_color", "scrapers") for name in files(package, "*.py")}
    assert {name for name in names if name.endswith(".py")} == modules


def test_the_metadata_is_that_of_the_project(metadata: Message):
    assert metadata["Name"] == PROJECT["name"]
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == PROJECT["license"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    required = [r for r in metadata.get_all("Requires-Dist", []) if "extra ==" not in r]
    assert len(required) == len(PROJECT["dependencies"])
    versions = {c.rpartition(" ")[2] for c in metadata.get_all("Classifier", []) if "3." in c}
    assert versions == {"3.11", "3.12", "3.13"}
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_the_terms_of_the_weights_go_with_them(names: set[str], metadata: Message):
    """MIT is the code's; part of the photographs behind the weights are for research only."""
    listed = metadata.get_all("License-File", [])
    assert "gan_color/weights/README.md" in listed
    for name in listed:
        assert any(found.endswith(f".dist-info/licenses/{name}") for found in names), name
    assert "LicenseRef-gan-color-small-weights" in metadata["License-Expression"]


def first_minutes(python: Path, place: Path, **environment: str) -> None:
    """From an empty folder: an old photo gets its colors, and the demo's recipe trains."""
    shutil.copy(samples.gray_photograph(), place / "old.png")
    command = (python, "-m", "gan_color")
    run(*command, "colorize", "old.png", cwd=place, **environment)
    (colorized,) = (path for path in place.rglob("old.png") if path.parent != place)
    before, after = Image.open(place / "old.png"), Image.open(colorized).convert("RGB")
    assert after.size == before.size
    red, green, blue = after.split()
    assert not red.tobytes() == green.tobytes() == blue.tobytes()
    run(
        *command,
        "train",
        "-c",
        "demo",
        "--set",
        "run.duration_scale=0.001",
        cwd=place,
        **environment,
    )
    assert (place / "runs" / "demo" / "report.html").is_file()


def test_an_unpacked_wheel_colorizes_and_trains_in_an_empty_folder(wheel: Path, tmp_path: Path):
    unpacked, place = tmp_path / "unpacked", tmp_path / "empty"
    place.mkdir()
    ZipFile(wheel).extractall(unpacked)
    python = Path(sys.executable)
    where = "import gan_color, scrapers; print(gan_color.__file__, scrapers.__file__)"
    found = run(python, "-c", where, cwd=place, PYTHONPATH=str(unpacked)).split()
    assert all(Path(path).is_relative_to(unpacked) for path in found), found
    first_minutes(python, place, PYTHONPATH=str(unpacked))


def install(folder: Path, *requirements: str) -> Path:
    """The interpreter of a new environment with these packages."""
    python = folder / "bin" / "python"
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder, cwd=folder.parent)
    command = (uv(), "pip", "install", "--quiet", "--compile-bytecode", "--python", python)
    run(*command, *requirements, cwd=folder.parent)
    return python


@INSTALLS
def test_a_base_install_colorizes_and_trains_and_each_extra_imports(wheel: Path, tmp_path: Path):
    place = tmp_path / "empty"
    place.mkdir()
    base = install(tmp_path / "base", str(wheel))
    first_minutes(base, place)
    run(base.with_name("gan-color"), "--help", cwd=place)
    for extra, imports in EXTRAS.items():
        python = install(tmp_path / extra, f"{wheel}[{extra}]")
        run(python, "-c", imports, cwd=place)
        shutil.rmtree(tmp_path / extra)


def test_every_extra_for_users_is_tried():
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"]) - {"dev"}
