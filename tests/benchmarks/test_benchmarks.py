"""The benchmarks run and count; their speed is not tested."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2lab

from benchmarks import ablation, inference
from benchmarks import recombine as merging
from benchmarks import step as steps
from benchmarks.baselines import Baseline, baselines
from benchmarks.checkpoint import bench_checkpoint
from benchmarks.cli import main
from benchmarks.hints import bench_hints
from benchmarks.loader import bench_loader, plain
from benchmarks.op_profile import measure_profile
from gan_color.config import schema
from gan_color.errors import GanColorError
from gan_color.hub.model_file import load_model, save_model
from gan_color.hub.pretrained import DEFAULT, find_model
from gan_color.images.decode import read
from gan_color.images.encode import encode
from gan_color.inference.pipeline import ColorizeOptions, colorize_photo
from tests.helpers.runs import REPOSITORY
from tests.helpers.tiny_steps import generator


def tiny(*peers: str) -> list[Baseline]:
    """Contenders that are timed in no time."""
    found = baselines("small", 8, 32, 2, "fp32", peers)
    narrow = {"model": {"name": "pix2pixhd", "base_channels": 4, "blocks": 1}}
    return [
        entry if i == 0 else entry._replace(config=changed(entry.config, narrow))
        for i, entry in enumerate(found)
    ]


def changed(entry: schema.Config, update: dict[str, object]) -> schema.Config:
    return schema.parse(
        {**entry.model_dump(mode="json"), **update, "discriminator": {"base_channels": 8}}
    )


def test_steps_are_measured_and_their_work_counted(monkeypatch):
    monkeypatch.setattr(steps, "run_isolated", lambda function, *arguments: function(*arguments))
    monkeypatch.setitem(steps.MATRIX, "cpu", 512)
    row, peer = steps.bench_steps(tiny("pix2pixHD"), "cpu", 1)
    assert row["images_per_second"] == pytest.approx(2 / row["seconds"], rel=0.1)
    assert row["peak_mib"] > 100
    # A step is three generator forwards' worth (forward, two backward products) and some more.
    forward = 9.9 * (32 / 256) ** 2
    assert 2.5 * forward < row["gflop_per_image"] < 6 * forward
    assert row["gflops"] == pytest.approx(2 * row["gflop_per_image"] / row["seconds"], rel=0.2)
    assert row["share_of_peak"] == pytest.approx(row["gflops"] / row["matrix_gflops"], abs=0.02)
    assert row["ours_times"] == 1
    ratio = row["images_per_second"] / peer["images_per_second"]
    assert peer["ours_times"] == pytest.approx(ratio, abs=0.01)


def test_every_option_is_measured_against_the_defaults(monkeypatch):
    asked = []

    def alone(function, *arguments):
        if function is ablation.measure_update:
            entry = arguments[0]
            run = entry.config.run
            asked.append(
                (entry.precision, run.channels_last, run.activation_checkpointing, run.compile)
            )
            return {"seconds": float(len(asked)), "peak_mib": 100 * len(asked)}
        return function(*arguments)

    monkeypatch.setattr(ablation, "run_isolated", alone)
    rows = ablation.bench_ablation(tiny()[0]._replace(precision="bf16"), "cpu", 1)
    defaults = ("bf16", True, False, False)
    assert asked == [
        ("fp32", True, False, False),
        defaults,
        ("bf16", False, False, False),
        ("bf16", True, True, False),
        ("bf16", True, False, True),
    ]
    found = {row["means"]: (row["seconds_without"], row["seconds_with"]) for row in rows}
    fused = found.pop("fused AdamW, the updates alone")
    assert min(fused) > 0
    assert found == {
        "run.precision: bf16": (1.0, 2.0),
        "run.channels_last": (3.0, 2.0),
        "run.activation_checkpointing": (2.0, 4.0),
        "run.compile": (2.0, 5.0),
    }
    assert (rows[0]["times_faster"], rows[0]["peak_mib_with"]) == (0.5, 200)


def test_a_profile_names_the_costliest_operations_first():
    rows = measure_profile(tiny()[0], "cpu", 1, 40)
    shares = [row["share"] for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert 0.8 < sum(shares) <= 1.01
    assert any("convolution_backward" in row["operation"] for row in rows)


def test_a_merge_is_timed_beside_scikit_images_and_keeps_the_size(monkeypatch):
    monkeypatch.setattr(merging, "run_isolated", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(merging, "SIZES", ((960, 640),))
    (row,) = merging.bench_recombine("cpu", 1)
    assert row["merge"] == "960 x 640"
    assert row["share_of_its_time"] > 0
    photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    ours, plain = (way(photo, torch.device("cpu"))() for way in (merging._ours, merging._plain))
    assert ours.shape == plain.shape == photo.shape
    assert ours.dtype == plain.dtype == np.uint8


def test_a_photo_is_timed_by_scikit_images_way_too(monkeypatch):
    path = find_model(DEFAULT)
    model = load_model(path)
    monkeypatch.setattr(inference, "SIZES", ((96, 72),))
    rows = inference.bench_routes(path, "cpu", 64, 1)
    assert [row["route"] for row in rows] == [
        "scikit-image, eager fp32",
        "ours, fp32",
        "ours, bf16",
    ]
    assert rows[0]["share_of_scikit_images"] == 1
    data = inference.photo((96, 72))
    plain_one = Image.open(io.BytesIO(inference.plain(model, data, 64)))
    ours = Image.open(io.BytesIO(encode(colorize_photo(model, read(data), ColorizeOptions(64)))))
    difference = np.asarray(plain_one).astype(int) - np.asarray(ours)
    assert np.ptp(np.asarray(ours), axis=2).mean() > 10
    assert np.abs(difference).mean() < 2  # the same colors by another way


@pytest.mark.parametrize(
    ("peer", "file"), [("pix2pixHD", "pix2pixhd_3"), ("DeOldify", "deoldify_artistic")]
)
def test_peers_are_their_configurations(peer: str, file: str):
    published = schema.load(REPOSITORY / "configs" / f"{file}.yml")
    ours, as_published, equal = baselines("small", 64, 128, 4, "bf16", (peer,))
    assert (ours.precision, as_published.precision, equal.precision) == ("bf16", "fp32", "bf16")
    assert peer in as_published.name
    assert as_published.config.discriminator == published.discriminator
    weights = {"encoder_weights": "none"} if "encoder" in published.model else {}
    assert as_published.config.model == {**published.model, **weights}
    spent = {
        "name",
        "images",
        "size",
        "batch_size",
        "lr",
        "schedule",
        "perceptual",
        "generator_update_threshold",
        "cycles",
    }
    found, expected = (
        c.stages[-1].model_dump(exclude=spent) for c in (as_published.config, published)
    )
    assert found == expected


def test_a_loader_is_measured_beside_the_plain_one(sample_folders: tuple[Path, Path]):
    first, second = bench_loader(sample_folders[0], [64], images=8, repeats=1)
    assert first["times_plain"] == 1
    ratio = second["images_per_second_per_core"] / first["images_per_second_per_core"]
    assert second["times_plain"] == pytest.approx(ratio, abs=0.01)


def test_the_plain_dataset_gives_lab(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    L, ab = plain(tmp_path / "x.png", 16, 1)  # a seed that does not flip
    lab = torch.from_numpy(rgb2lab(pixels)).float().permute(2, 0, 1)
    assert torch.allclose(torch.cat(((L + 1) * 50, ab * 110)), lab, atol=1e-3)


def test_the_command_prints_one_table(sample_folders: tuple[Path, Path], capsys, monkeypatch):
    from gan_color.training.memory.planner import Footprint

    found = Footprint(fixed=0, per_image=2**20)
    monkeypatch.setattr("benchmarks.memory.footprint", lambda *_: found)
    monkeypatch.setattr(
        "benchmarks.step.run_isolated",
        lambda function, *arguments: {"step": arguments[0].name, "images_per_second": 2.0},
    )
    arguments = ["train", "--what", "memory,step", "--size", "32", "--precision", "bf16"]
    for extra in ([], ["--json"]):
        with pytest.raises(SystemExit) as caught:
            main([*arguments, *extra])
        assert not caught.value.code
    out = capsys.readouterr().out
    table, text = out[: out.index("[\n")], out[out.index("[\n") :]
    assert "| ours, small | bf16 | 32 | True | 1.0 |" in table
    rows = json.loads(text)
    assert rows[0]["torch"] == torch.__version__
    assert sum("memory" in row for row in rows) == 6
    assert [row["ours_times"] for row in rows if "step" in row] == [1.0] * 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--what", "loader"], "benchmarks: --what loader needs --data"),
        (["--what", "inference"], "benchmarks: --what inference needs --model"),
        (["--what", "speed"], "benchmarks: --what: found 'speed', expected some of step, memory"),
        (
            ["--peers", "DDColor"],
            "benchmarks: --peers: found 'DDColor', expected some of pix2pixHD",
        ),
        (["--device", "abacus"], "device: 'abacus' cannot be used here"),
    ],
)
def test_a_mistake_is_one_line(options: list[str], message: str, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", *options])
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert message in error
    assert error.count("\n") == 1


def test_a_checkpoint_is_measured_whole():
    (row,) = bench_checkpoint(tiny()[0], "cpu", 1)
    assert row["mib"] > 50  # weights, their mean, and two moments of each weight
    assert 0 < row["seconds_training_waits"] <= row["seconds_until_on_disk"]
    assert 0 < row["share_of_an_epoch"] < 1


def test_points_are_measured_learned_spread_and_both(
    sample_folders: tuple[Path, Path], tmp_path: Path
):
    path = tmp_path / "m.safetensors"
    save_model(path, "unet", generator("both", hints=True), {})
    rows = {row["points"]: row for row in bench_hints(path, sample_folders[1], 2)}
    assert list(rows) == [0, 1, 2, 5, 10, 20, 50, 100]
    # Its layers for hints are at zero: it learned nothing, and spreading is all.
    learned, alone, both = (
        [row[way] for row in rows.values()]
        for way in ("told of points", "spread alone", "as colorize does it")
    )
    assert len(set(learned)) == 1
    assert alone == both
    assert learned[0] == alone[0] < alone[1] < alone[-1]
    save_model(path, "unet", generator("both"), {})
    with pytest.raises(GanColorError, match="this model takes none"):
        bench_hints(path, sample_folders[1], 2)
