"""Every notebook runs from top to bottom, and is stored without what running it leaves."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client import KernelManager
from nbclient import NotebookClient

from tests.helpers.runs import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
# What shows that a notebook did its work: words in its outputs, files it leaves.
SAID = {"04_build_a_dataset": ("'duplicate-of': 2", "license by-nc")}
LEFT = {
    "02_train": ("runs/mirror/notebook/model.safetensors",),
    "03_compare": ("runs/compare.html",),
}
INSTALLING = [path for path in NOTEBOOKS if path.stem[:2] in ("01", "02", "03")]


def images(notebook: nbformat.NotebookNode) -> int:
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return sum(not {"image/png", "image/jpeg"}.isdisjoint(o.get("data", {})) for o in outputs)


def sources(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    """One for all: a new one would import torch and fastai anew, half of a notebook's time."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_top_to_bottom(path: Path, tmp_path: Path, kernel: KernelManager):
    notebook = nbformat.read(path, as_version=4)
    # As in a kernel of its own: none of the names of another notebook.
    start = nbformat.v4.new_code_cell(f"%reset -f\n%cd -q {tmp_path}")
    notebook.cells.insert(0, start)
    NotebookClient(notebook, km=kernel, timeout=110).execute()
    assert images(notebook) >= 1
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    shown = "".join(o.get("data", {}).get("text/plain", "") + o.get("text", "") for o in outputs)
    assert "widget" not in shown
    for text in SAID.get(path.stem, ()):
        assert text in shown
    for name in LEFT.get(path.stem, ()):
        assert (tmp_path / name).exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_stored_without_outputs_but_one_image(path: Path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count is None for cell in code)
    outputs = [o for cell in code for o in cell.outputs]
    assert len(outputs) == images(notebook) <= 1
    assert not any(
        line.startswith(("def ", "class ")) for c in code for line in c.source.split("\n")
    )
    assert path.stat().st_size < 400_000


@pytest.mark.parametrize("path", INSTALLING, ids=lambda p: p.stem)
@pytest.mark.parametrize("variable", ["COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE", "HOME"])
def test_the_first_cell_installs_on_colab_and_kaggle_alone(path: Path, variable: str, monkeypatch):
    ran: list[tuple[str, str]] = []

    class Shell:
        def run_line_magic(self, name: str, line: str) -> None:
            ran.append((name, line))

    for name in ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "1")
    code = [
        cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    ]
    exec(TransformerManager().transform_cell(code[0]), {"get_ipython": Shell})
    assert [name for name, _ in ran] == ["pip"] * (variable != "HOME")
    assert all(re.match(r"install .*gan_color", line) for _, line in ran)
    assert not any("chdir" in source for source in code)


def test_the_first_pictures_are_the_shipped_models_and_labeled():
    path = REPOSITORY / "notebooks" / "01_colorize.ipynb"
    code = [
        cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    ]
    assert "gan_color.load()" in "".join(code[1].partition("pipeline = ")[1:])
    assert all("samples." in source for source in code[2:4])
    drawn = [source for source in code if "side_by_side(" in source and "import" not in source]
    assert len(drawn) == 3
    assert all(re.search(r"side_by_side\([^()]+, (\[|list\()", source) for source in drawn)
