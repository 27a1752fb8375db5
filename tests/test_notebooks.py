"""Every notebook runs from top to bottom, and is stored without what running it leaves."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient import NotebookClient

from tests.helpers.runs import REPOSITORY, save_demo_model

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
# What shows that a notebook did its work: words in its outputs, files it leaves.
SAID = {"04_build_a_dataset": ("'duplicate-of': 2", "license by-nc")}
LEFT = {"03_compare": ("runs/compare.html",)}


def images(notebook: nbformat.NotebookNode) -> int:
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return sum(not {"image/png", "image/jpeg"}.isdisjoint(o.get("data", {})) for o in outputs)


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    """One for all: a new one would import torch and fastai anew, half of a notebook's time."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_top_to_bottom(path: Path, tmp_path: Path, kernel: KernelManager):
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    (tmp_path / "notebooks").mkdir()
    save_demo_model(tmp_path)
    notebook = nbformat.read(path, as_version=4)
    # As in a kernel of its own: none of the names of another notebook.
    start = nbformat.v4.new_code_cell(f"%reset -f\n%cd -q {tmp_path / 'notebooks'}")
    notebook.cells.insert(0, start)
    NotebookClient(notebook, km=kernel, timeout=110).execute()
    assert images(notebook) >= 1
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    shown = "".join(o.get("data", {}).get("text/plain", "") for o in outputs)
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
