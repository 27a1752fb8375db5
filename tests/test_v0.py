"""That the files in fixtures/v0, which the code of version 0 wrote, mean what they meant."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import gan_color
from gan_color.config.schema import load
from gan_color.data import samples
from gan_color.hub.init_from import load_config
from gan_color.hub.model_file import load_model, read_header
from gan_color.training import run_folder, trainer
from gan_color.training.best_snapshot import read_evaluations
from gan_color.training.loggers.csv_log import CsvLog
from gan_color.training.memory.moving_buffers import SpectralNorms
from gan_color.training.report.runs import summarize_run
from scrapers import manifest
from scrapers.checks.rules import Rules
from scrapers.clean import quarantine
from scrapers.clean.run import clean
from tests.fixtures.v0.hashes import tensors_sha256
from tests.helpers.runs import REPOSITORY

V0 = Path(__file__).parent / "fixtures" / "v0"
SPACE = V0 / "space.safetensors"
# Of a snapshot: read by nobody.
NO_LONGER_LOGGED = ("snapshot_drift", "snapshot_sky_hue")
# Beside "lr", which is still compared.
NOT_YET_LOGGED = ("lr_encoder", "lr_encoder_2", "lr_discriminator")
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
    pipeline = gan_color.load()
    for name, answers in recorded["photographs"].items():
        rgb = np.asarray(Image.open(photographs[name]).convert("RGB"))
        for key, expected in answers.items():
            answer = pipeline.colorize(rgb, **expected["options"])
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
        answer = model.predict_ab(L)[0, :, ::3, ::3]
        assert answer.std() > 0.01
        assert torch.allclose(answer, torch.tensor(expected), rtol=0, atol=1e-6), size


def test_a_model_files_header_is_read():
    header = read_header(V0 / "model.safetensors")
    assert header["name"] == "unet"
    options = header["options"]
    assert (options["chroma_threshold"], options["chroma_gain"]) == (4.0, 1.2)
    assert header["record"]["data_license"] == "cc0"
    assert header["record"]["calibration"] == {"images": 1}


def test_a_finished_run_is_summarized():
    folder = V0 / "finished"
    summary = summarize_run(folder)
    assert (summary.state, summary.stage, summary.images) == ("finished", "gan", 108)
    found = read_json("finished/inflection.json")
    assert summary.best_snapshot == found["judgements"][-1]
    expected = {"psnr": 13.96737385, "colorfulness": 1.88761926, "snapshot_score": 1.94404224}
    assert summary.best == expected
    best = read_header(folder / "model.safetensors")["record"]["best"]
    assert best["gan"] == found["chosen"]
    assert load_model(folder / "model.safetensors").predict_ab(torch.zeros(1, 1, 8, 8)).any()


def today(name: str) -> str:
    """What a checkpoint's file is called now."""
    return name.replace("/average", "/ema")


@pytest.mark.usefixtures("one_thread")
def test_a_killed_run_goes_on_and_ends_bit_identical(
    sample_folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Version 0 left spectral norms to torch, which iterates in every forward pass.
    monkeypatch.setattr(SpectralNorms, "iterate", lambda norms: None)
    folder = tmp_path / "elsewhere"
    shutil.copytree(V0 / "killed", folder)
    before = summarize_run(folder)
    assert (before.state, before.stage, before.images) == ("resumable", "gan", 72)
    train, val = sample_folders
    overrides = (
        "run.device=cpu",
        f"data.folders=[{json.dumps(str(train))}]",
        f"data.val=[{json.dumps(str(val))}]",
        f"stages.gan.early_stopping.feature_extractor.weights={json.dumps(str(SPACE))}",
    )
    path = trainer.train(run_folder.resume_config(folder, overrides), resume=True)
    assert path == folder / "model.safetensors"
    rows, expected_rows = (CsvLog(f / "log.csv").rows() for f in (folder, V0 / "finished"))
    for row in rows + expected_rows:
        for name in (
            "images_per_second",
            *NO_LONGER_LOGGED,
            *NOT_YET_LOGGED,
            "snapshot_skin_hue_angle",
        ):
            row.pop(name, None)
    assert [r["total_images"] for r in rows] == [r["total_images"] for r in expected_rows]
    recorded = read_json("unbroken.json")
    if not same_arithmetic(recorded["arithmetic"]):
        pytest.skip("bits were recorded on another processor or by another torch")
    # The killed run's checkpoints of earlier stages were not copied.
    expected = {
        today(name): digests
        for name, digests in recorded["files"].items()
        if not name.startswith(("checkpoints/pretrain", "checkpoints/discriminator"))
    }
    paths = folder.rglob("*.safetensors")
    found = {today(str(p.relative_to(folder).with_suffix(""))): tensors_sha256(p) for p in paths}
    assert found == expected
    for a, b in zip(rows, expected_rows, strict=True):
        assert a == b
    curve = read_evaluations(folder)
    assert curve is not None
    for found_one, expected_one in zip(
        curve["evaluations"], read_json("finished/inflection.json")["judgements"], strict=True
    ):
        assert {k: expected_one[k] for k in found_one if k in expected_one} == {
            k: v for k, v in found_one.items() if k in expected_one
        }


# Recipes had more than six stages; what was measured with them is kept as a record.
RECORD = REPOSITORY / "docs" / "gan_color_small.yml"
# What recipes have been given since, and what it was before.
CLIPPED = [f"stages.{name}.clip_grad_norm=1" for name in ("critic", "gan")]
CRITIC = ("stages.critic.pct_start=0.25", "stages.critic.weight_decay=0", *CLIPPED)
PRETRAINED = [
    f"stages.{name}.clip_grad_norm=1" for name in ("head_64", "all_64", "all_96", "all_128")
]
SINCE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("pix2pix.yml", "pix2pix_128.yml", "pix2pixhd_2.yml", "pix2pixhd_3.yml"),
        ("discriminator.init=default",),
    ),
    "deoldify_artistic.yml": (
        *CRITIC,
        *PRETRAINED,
        "stages.all_96.batch_size=20",
        "stages.all_128.batch_size=8",
        "stages.gan.batch_size=8",
    ),
    "deoldify_stable.yml": (*CRITIC, *PRETRAINED, "stages.gan.batch_size=8"),
    "deoldify_video.yml": (*CRITIC, "stages.noise.clip_grad_norm=1", "stages.gan.batch_size=8"),
    "iizuka16.yml": ("model.classes=205",),
    "wallner_gan.yml": (
        "model.lightness=signed",
        "model.ab_range=110",
        "discriminator.padding=2",
        "discriminator.pool=3",
        "discriminator.matched_features=activated",
    ),
    "koalarization_xception.yml": (
        "model.decoder=paper",
        "model.embedding=logits",
        "model.lightness=signed",
        "model.classifier_input=gray",
        "model.ab_range=127",
        "stages.decoder.size=128",
        "stages.decoder.batch_size=50",
    ),
    "colornet_report.yml": (
        "model.channels=[64, 128, 256, 512]",
        "model.head=bounded",
        "model.lightness_max=100",
        "model.init=default",
        "data.augment.scale=[0.35, 1.0]",
        "data.augment.ratio=[0.75, 1.3333]",
        "data.augment.flip=0.5",
        "stages.fit.batch_size=32",
        "stages.fit.lr=1e-3",
        "stages.fit.optimizer=adamw",
        "stages.fit.betas=[0.9, 0.99]",
        "stages.fit.schedule=one_cycle",
        "stages.fit.clip_grad_norm=1",
    ),
}
RECORDED = {"gan_color_small.yml": (), "unet_small.yml": ("stages.gan.colorfulness_weight=12",)}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_resolved_config_is_what_its_short_form_means(name: str, tmp_path: Path):
    text = (V0 / "configs" / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text.replace("memorise", "memorize"))  # a stage's name
    resolved = load(tmp_path / name)
    path = REPOSITORY / "configs" / name.replace("grey", "gray")
    short = load(
        RECORD if name in RECORDED else path,
        ("data.eval_resize=area", *RECORDED.get(name, ()), *SINCE.get(name, ())),
    )
    assert resolved.run.name in (short.run.name, "colornet_grey", "unet_small")
    stages = short.stages[: len(resolved.stages)] if name in RECORDED else short.stages
    kept: dict[str, Any] = {"run": short.run}
    if name.startswith("deoldify_"):  # ours then, its authors' generator since
        assert (resolved.model["name"], short.model["name"]) == ("unet", "deoldify")
        kept["model"] = short.model
    assert resolved.model_copy(update=kept) == short.model_copy(update={"stages": stages})


def test_the_record_of_the_shipped_weights_names_the_stages_that_their_file_names():
    recipe = load_config(REPOSITORY / "configs" / "gan_color_small.yml")
    stages = [stage.name for stage in recipe.stages]
    weights = read_header(REPOSITORY / "gan_color/weights/gan-color-small.safetensors")
    assert stages == [stage["name"] for stage in weights["record"]["stages"]]


def test_a_dataset_is_read(tmp_path: Path):
    folder = tmp_path / "dataset"
    shutil.copytree(V0 / "dataset", folder)
    rows = manifest.read(folder)
    recorded = read_json("dataset.json")
    assert {row.id: row.license for row in rows} == {r["id"]: r["licence"] for r in recorded}
    assert [dataclasses.asdict(row) for row in rows] == [
        {**manifest.translate(row), "label": ""}  # a column since
        for row in recorded
    ]
    for row in rows:
        digest = hashlib.sha256((folder / row.file).read_bytes()).hexdigest()
        assert row.sha256 == digest, row.file
    assert sorted(row.verdict for row in rows) == ["grayscale"] + ["keep"] * 5
    verdicts = {row.id: row.verdict for row in rows}
    assert quarantine.undo(folder) == 2  # the gray one, and the original of a cropped one
    assert {Path(row.file).parent for row in manifest.read(folder)} == {Path("images")}
    # Its pictures are clouds without a sharp edge: blurry, since that is measured more strictly.
    clean(folder, Rules(min_sharpness=0), workers=1)
    assert {row.id: row.verdict for row in manifest.read(folder)} == verdicts


def test_an_earlier_dataset_keeps_its_licenses_beside_new_rows(tmp_path: Path):
    folder = tmp_path / "dataset"
    shutil.copytree(V0 / "dataset", folder)
    before = manifest.read(folder)
    new = dataclasses.replace(before[0], id="new", license="cc0")
    with (folder / manifest.JSONL).open("a", encoding="utf-8") as file:
        file.write(json.dumps(dataclasses.asdict(new)) + "\n")
    manifest.write_derived(folder, manifest.read(folder))
    found = pq.read_table(folder / manifest.PARQUET).to_pylist()
    assert [row["license"] for row in found] == [row.license for row in (*before, new)]
