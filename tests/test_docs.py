"""What the documentation shows of Python, and of JavaScript, runs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan_color
from gan_color.inference.onnx_model import OnnxColorizer, export_onnx
from gan_color.web import runtime
from tests.helpers.onnxruntime_web import real_package
from tests.helpers.runs import REPOSITORY
from tests.helpers.web_photos import write_hinted_model


def test_the_loop_of_ones_own_trains(tmp_path: Path, monkeypatch, capsys):
    text = (REPOSITORY / "docs" / "train.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.splitlines()) < 40
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/train.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("'feature_matching': " in line and "'discriminator': " in line for line in lines)


@pytest.fixture(scope="module")
def onnx_page() -> str:
    return (REPOSITORY / "docs" / "onnx.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    write_hinted_model(folder / "model.safetensors")
    export_onnx(folder / "model.safetensors", folder / "colorizer.onnx")
    return folder / "colorizer.onnx"


def test_an_onnx_file_colors_by_the_lines_of_its_page(
    onnx_page: str, onnx_file: Path, coffee, tmp_path: Path, monkeypatch
):
    (code,) = re.findall(r"```python\n(.*?)```", onnx_page, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) < 16
    monkeypatch.chdir(tmp_path)
    shutil.copy(onnx_file, "colorizer.onnx")
    photo = coffee.resize((256, 256)).convert("L")
    photo.save("old.png")
    exec(compile(code, "docs/onnx.md", "exec"), {})
    found = np.asarray(Image.open("colorized.png")).astype(int)
    expected = np.asarray(gan_color.load(onnx_file).colorize("old.png")).astype(int)
    gray = np.asarray(photo).astype(int)[..., None]
    assert np.abs(found - expected).mean() < 0.2 * np.abs(expected - gray).mean()


def test_an_onnx_file_answers_to_the_lines_of_its_page_in_javascript(
    onnx_page: str, onnx_file: Path, tmp_path: Path
):
    if shutil.which("node") is None:
        pytest.skip("found no node on PATH")
    runtime.unpack(real_package(), tmp_path / "runtime")
    (code,) = re.findall(r"```js\n(.*?)```", onnx_page, re.DOTALL)
    (tmp_path / "page.mjs").write_text(code)
    (tmp_path / "ort.mjs").write_bytes((tmp_path / "runtime/ort.wasm.bundle.min.js").read_bytes())
    (tmp_path / "run.mjs").write_text(
        """
        import { readFileSync } from "node:fs";
        import * as ort from "./ort.mjs";
        import { predict } from "./page.mjs";
        const [, , model, wasm] = process.argv;
        ort.env.wasm.wasmBinary = readFileSync(wasm);
        ort.env.wasm.numThreads = 1;
        const L = Float32Array.from({ length: 64 * 96 }, (_, i) => (i % 96) / 96);
        const ab = await predict(ort, readFileSync(model), L, 96, 64);
        console.log(JSON.stringify([...ab]));
        """
    )
    wasm = tmp_path / "runtime" / "ort-wasm-simd-threaded.wasm"
    done = subprocess.run(
        ["node", tmp_path / "run.mjs", onnx_file, wasm], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    L = (torch.arange(96) / 96).expand(1, 1, 64, 96)
    expected = OnnxColorizer(onnx_file).predict_ab(L).flatten()
    found = torch.tensor(json.loads(done.stdout))
    assert float(expected.std()) > 0.01
    assert float((found - expected).abs().max()) < 1e-4
