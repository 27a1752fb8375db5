"""Every notebook runs from top to bottom, and is stored without what running it leaves."""

import shutil
from pathlib import Path

import nbformat
import pytest
from conftest import REPOSITORY
from nbclient import NotebookClient

from gan_color import models
from gan_color.export import save_model

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
# What shows that a notebook did its work: words in its outputs, files it leaves.
SAID = {"04_build_a_dataset": ("'duplicate-of': 2", "licence by-nc")}
LEFT = {"03_compare": ("runs/compare.html",)}


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return sum(not {"image/png", "image/jpeg"}.isdisjoint(o.get("data", {})) for o in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_top_to_bottom(path: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    (tmp_path / "notebooks").mkdir()
    tiny = {"preset": "small", "encoder_weights": "none", "widths": (32, 24, 16, 16, 8)}
    model = models.create("unet", **tiny)
    save_model(tmp_path / "runs" / "demo" / "model.safetensors", "unet", model, {})
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(tmp_path / "notebooks")}}
    NotebookClient(notebook, timeout=110, kernel_name="python3", resources=where).execute()
    assert pictures(notebook) >= 1
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    shown = "".join(o.get("data", {}).get("text/plain", "") for o in outputs)
    for text in SAID.get(path.stem, ()):
        assert text in shown
    for name in LEFT.get(path.stem, ()):
        assert (tmp_path / name).exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_stored_without_outputs_but_one_picture(path: Path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count is None for cell in code)
    outputs = [o for cell in code for o in cell.outputs]
    assert len(outputs) == pictures(notebook) <= 1
    assert not any(
        line.startswith(("def ", "class ")) for c in code for line in c.source.split("\n")
    )
    assert path.stat().st_size < 400_000
