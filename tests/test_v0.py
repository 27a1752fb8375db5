"""That the files in fixtures/v0, which the code of version 0 wrote, mean what they meant."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import gan_color
from gan_color.config.schema import load
from gan_color.data import samples
from gan_color.hub.model_file import load_model, read_header
from gan_color.training import trainer
from gan_color.training.loggers.csv_log import CsvLog
from gan_color.training.runs import summarise
from scrapers import manifest
from scrapers.checks.rules import Rules
from scrapers.clean import quarantine
from scrapers.clean.run import clean
from tests.helpers.runs import REPOSITORY

V0 = Path(__file__).parent / "fixtures" / "v0"
CONFIGS = sorted(path.name for path in (V0 / "configs").glob("*.yml"))


def read_json(name: str) -> Any:
    return json.loads((V0 / name).read_text(encoding="utf-8"))


def same_arithmetic(recorded: dict[str, str]) -> bool:
    """Whether bits can be expected to be the recorded ones: kernels differ between processors."""
    here = {"torch": torch.__version__, "cpu": torch.backends.cpu.get_cpu_capability()}
    return here == recorded


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_the_shipped_model_answers_the_same_bits():
    recorded = read_json("shipped.json")
    exact = same_arithmetic(recorded["arithmetic"])
    photographs = samples.photographs()
    model = gan_color.load()
    for name, answers in recorded["photographs"].items():
        rgb = np.asarray(Image.open(photographs[name]).convert("RGB"))
        for key, expected in answers.items():
            answer = gan_color.colorize(rgb, model, **expected["options"])
            assert list(answer.shape) == expected["shape"], (name, key)
            assert answer.mean(axis=(0, 1)) == pytest.approx(expected["mean"], abs=0.05)
            if exact:
                digest = hashlib.sha256(answer.tobytes()).hexdigest()
                assert digest == expected["sha256"], (name, key)


def test_a_model_file_answers_the_same():
    model = load_model(V0 / "model.safetensors")
    for size, expected in read_json("model.json").items():
        height, width = map(int, size.split("x"))
        rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
        L = 0.8 * torch.sin(0.31 * rows + 0.17 * columns)[None, None]
        answer = model.colorize(L)[0, :, ::3, ::3]
        assert answer.std() > 0.01
        assert torch.allclose(answer, torch.tensor(expected), rtol=0, atol=1e-6), size


def test_a_model_files_header_is_read():
    header = read_header(V0 / "model.safetensors")
    assert header["name"] == "unet"
    assert (header["options"]["threshold"], header["options"]["gain"]) == (4.0, 1.2)
    assert header["record"]["data_licence"] == "cc0"
    assert header["record"]["calibration"] == {"pictures": 1}


def test_a_finished_run_is_summarised():
    folder = V0 / "finished"
    summary = summarise(folder)
    assert (summary.state, summary.stage, summary.images) == ("finished", "gan", 108)
    found = read_json("finished/inflection.json")
    assert summary.chosen == found["judgements"][-1]
    expected = {"psnr": 13.96737385, "colorfulness": 1.88761926, "watch_score": 1.94404224}
    assert summary.best == expected
    chosen = read_header(folder / "model.safetensors")["record"]["chosen"]
    assert chosen["gan"] == found["chosen"]
    assert load_model(folder / "model.safetensors").colorize(torch.zeros(1, 1, 8, 8)).any()


def tensors_sha256(path: Path) -> dict[str, str]:
    """Of the sorted names and bytes of a file's tensors; and of the bytes alone, sorted."""
    named, digests = hashlib.sha256(), []
    for name, tensor in sorted(load_file(path).items()):
        data = tensor.contiguous().numpy().tobytes()
        named.update(name.encode() + b"\0" + data)
        digests.append(hashlib.sha256(data).hexdigest())
    return {
        "named": named.hexdigest(),
        "values": hashlib.sha256("".join(sorted(digests)).encode()).hexdigest(),
    }


@pytest.mark.usefixtures("one_thread")
def test_a_killed_run_goes_on_and_ends_bit_identical(
    sample_folders: tuple[Path, Path], tmp_path: Path
):
    folder = tmp_path / "elsewhere"
    shutil.copytree(V0 / "killed", folder)
    before = summarise(folder)
    assert (before.state, before.stage, before.images) == ("resumable", "gan", 72)
    train, valid = sample_folders
    overrides = (
        "run.device=cpu",
        f"data.folders=[{json.dumps(str(train))}]",
        f"data.valid=[{json.dumps(str(valid))}]",
        f"stages.gan.inflection.space.weights={json.dumps(str(V0 / 'space.safetensors'))}",
    )
    path = trainer.train(trainer.resume_config(folder, overrides), resume=True)
    assert path == folder / "model.safetensors"
    rows, expected_rows = (CsvLog(f / "log.csv").rows() for f in (folder, V0 / "finished"))
    for row in rows + expected_rows:
        row.pop("images_per_second")
    assert [r["total_images"] for r in rows] == [r["total_images"] for r in expected_rows]
    recorded = read_json("unbroken.json")
    if not same_arithmetic(recorded["arithmetic"]):
        pytest.skip("bits were recorded on another processor or by another torch")
    # The killed run's checkpoints of earlier stages were left out.
    expected = {
        name: digests
        for name, digests in recorded["files"].items()
        if not name.startswith(("checkpoints/pretrain", "checkpoints/discriminator"))
    }
    paths = folder.rglob("*.safetensors")
    found = {str(p.relative_to(folder).with_suffix("")): tensors_sha256(p) for p in paths}
    assert found == expected
    assert rows == expected_rows
    curve = json.loads((folder / "inflection.json").read_text(encoding="utf-8"))
    assert curve["judgements"] == read_json("finished/inflection.json")["judgements"]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_resolved_config_is_what_its_short_form_means(name: str):
    resolved, short = load(V0 / "configs" / name), load(REPOSITORY / "configs" / name)
    assert resolved == short
    text = yaml.safe_dump(short.model_dump(mode="json"), sort_keys=False)
    assert text == (V0 / "configs" / name).read_text(encoding="utf-8")


def test_a_dataset_is_read(tmp_path: Path):
    folder = tmp_path / "dataset"
    shutil.copytree(V0 / "dataset", folder)
    rows = manifest.read(folder)
    assert [dataclasses.asdict(row) for row in rows] == read_json("dataset.json")
    for row in rows:
        digest = hashlib.sha256((folder / row.file).read_bytes()).hexdigest()
        assert row.sha256 == digest, row.file
    assert sorted(row.verdict for row in rows) == ["grayscale"] + ["keep"] * 5
    verdicts = {row.id: row.verdict for row in rows}
    assert quarantine.undo(folder) == 2  # the grey one, and the original of a cropped one
    assert {Path(row.file).parent for row in manifest.read(folder)} == {Path("images")}
    clean(folder, Rules(), workers=1)
    assert {row.id: row.verdict for row in manifest.read(folder)} == verdicts
