"""The rule that ends a GAN stage, what it judges by, and that a run obeys it."""

import json
import signal
from pathlib import Path

import pytest
import timm
import torch
from conftest import tiny_mapping
from PIL import Image
from safetensors.torch import load_file, save_file
from test_pipeline import Tint
from test_run import contents, in_child

from gan_color import metrics
from gan_color.config import Config, parse
from gan_color.config_stages import InflectionConfig
from gan_color.data.images import ImageFile
from gan_color.errors import GanColorError
from gan_color.evaluation.spaces import BackboneSpace
from gan_color.lab import rgb8_to_float, rgb_to_lab
from gan_color.models.base import Colorizer, ModelOptions
from gan_color.models.discriminator import MultiscaleDiscriminator
from gan_color.training import run, stage_watch, study
from gan_color.training.csv_log import CsvLog
from gan_color.training.inflection import Verdict, Watch, decide, skin_like, sky_like
from gan_color.training.precision import Precision

# --- The rule ----------------------------------------------------------------------------------


def curve(*frechets: float, cycle: int = 1, ratio: float = 1.0, **more: object) -> list[dict]:
    extra = {"skin_hue": 0.0, "skin_chroma": 0.0, **more}
    return [{"frechet": f, "colorfulness_ratio": ratio, "cycle": cycle, **extra} for f in frechets]


def rule(**settings: object) -> InflectionConfig:
    return InflectionConfig(every=100, patience=2, minimum_gain=0.01, **settings)


def test_the_lowest_score_is_best_and_patience_ends_the_stage():
    assert decide(curve(1.0), rule()) == Verdict(0, False)
    falling = curve(1.0, 0.8, 0.7)
    assert (decide(falling, rule()).best, decide(falling, rule()).stop) == (2, False)
    rising = curve(1.0, 0.8, 0.7, 0.75, 0.9)
    assert (decide(rising, rule()).best, decide(rising, rule()).stop) == (2, True)
    assert not decide(rising, rule(stop=False)).stop
    assert decide(rising, rule(stop=False)).best == 2


def test_a_gain_below_the_minimum_is_none():
    assert decide(curve(1.0, 0.995, 0.992), rule()).best == 0
    assert decide(curve(1.0, 0.995, 0.992), rule()).stop
    assert decide(curve(1.0, 0.995, 0.98), rule()).best == 2


def test_colourfulness_counts_in_both_directions():
    dull, right, garish = (curve(1.0, ratio=ratio)[0] for ratio in (0.6, 1.0, 1.4))
    assert decide([dull, right], rule()).best == 1
    assert decide([right, dull, garish], rule()).best == 0
    assert decide([dull, right], rule(colorfulness_weight=0.0)).best == 0


def test_orange_skin_is_never_chosen():
    start = curve(1.0)
    for guard in ({"skin_chroma": 6.1}, {"skin_hue": 8.1}):
        assert decide(start + curve(0.5, **guard), rule()).best == 0
    # One-sided: paler skin, or skin that turns to red, is no reason.
    for fine in ({"skin_chroma": -20.0}, {"skin_hue": -20.0}, {"skin_hue": None}):
        assert decide(start + curve(0.5, **fine), rule()).best == 1


def test_each_cycle_has_its_own_patience():
    first = curve(1.0, 0.8, 0.9, 0.9)
    assert decide(first, rule()).stop
    assert not decide(first + curve(0.8, 0.85, cycle=2), rule()).stop
    ended = decide(first + curve(0.8, 0.85, 0.9, cycle=2), rule())
    assert (ended.best, ended.stop) == (1, True)


# --- What is judged ----------------------------------------------------------------------------


class Oracle(Colorizer):
    """Colours from memory, by the lightness it is shown, with a change of its own."""

    def __init__(self, pictures: torch.Tensor, change=lambda ab: ab) -> None:
        super().__init__(ModelOptions())
        self.lab, self.change = rgb_to_lab(rgb8_to_float(pictures)), change

    def forward(self, L: torch.Tensor) -> torch.Tensor:
        found = []
        for one in L:
            distance = (self.lab[:, :1] / 50 - 1 - one).abs().flatten(1).mean(dim=1)
            found.append(self.lab[int(distance.argmin()), 1:] / 110)
        return self.change(torch.stack(found))


@pytest.fixture
def space(tmp_path: Path) -> BackboneSpace:
    return BackboneSpace("resnet18", str(weights_file(tmp_path)))


def weights_file(folder: Path) -> Path:
    torch.manual_seed(0)
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "w.safetensors")
    return folder / "w.safetensors"


@pytest.fixture
def watch(space: BackboneSpace, tmp_path: Path) -> Watch:
    """Four pictures: a skin-coloured lower half under a blue upper half."""
    files = []
    for i in range(4):
        picture = Image.new("RGB", (64, 64), (200 - 5 * i, 160, 140))
        picture.paste((120, 150, 210 - 9 * i), (0, 0, 64, 32))
        path = tmp_path / f"{i}.png"
        picture.save(path)
        files.append(ImageFile(path, str(i), False, -1, "x", 0))
    return Watch(files, 64, 4, space, Precision("fp32", torch.device("cpu")))


def judged(watch: Watch, generator: Colorizer) -> dict:
    return watch.judge(generator, MultiscaleDiscriminator(width=8), "lsgan")


def turned(degrees: float):
    angle = torch.deg2rad(torch.tensor(degrees))
    matrix = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    return lambda ab: torch.einsum("ij,bjhw->bihw", matrix, ab)


def test_regions_are_found_by_their_true_colours(watch: Watch):
    assert watch.skin[:, 32:].all()
    assert not watch.skin[:, :32].any()
    assert watch.sky[:, :32].all()
    assert not watch.sky[:, 32:].any()
    lab = rgb_to_lab(rgb8_to_float(watch.truth)).flip(2)  # blue below is no sky
    assert not sky_like(lab)[:, 32:].any()
    assert skin_like(lab)[:, :32].all()


def test_the_truth_is_judged_perfect(watch: Watch):
    truth = Oracle(watch.truth)
    watch.remember(truth)
    found = judged(watch, truth)
    assert found["frechet"] == pytest.approx(0, abs=1e-3)
    assert found["colorfulness_ratio"] == pytest.approx(1, abs=0.01)
    for name in ("drift", "skin_hue", "sky_hue", "skin_chroma"):
        assert found[name] == pytest.approx(0, abs=0.05), name
    assert all(0 <= found[f"fresh_accuracy_{i}"] <= 1 for i in range(3))


def test_drifts_have_the_right_sign_and_size(watch: Watch):
    watch.remember(Oracle(watch.truth))
    orange = judged(watch, Oracle(watch.truth, turned(12.0)))
    assert orange["skin_hue"] == pytest.approx(12, abs=0.1)
    assert orange["sky_hue"] == pytest.approx(12, abs=0.1)
    assert orange["drift"] > 1
    vivid = judged(watch, Oracle(watch.truth, lambda ab: ab * 1.5))
    chroma = float(rgb_to_lab(rgb8_to_float(watch.truth))[:, 1:, 32:].norm(dim=1).mean())
    assert vivid["skin_chroma"] == pytest.approx(0.5 * chroma, rel=0.01)
    assert vivid["skin_hue"] == pytest.approx(0, abs=0.01)
    assert vivid["colorfulness_ratio"] > 1.2
    assert judged(watch, Tint(0.0, 0.0))["colorfulness_ratio"] < 0.01


def test_judging_changes_nothing(watch: Watch):
    discriminator = MultiscaleDiscriminator(width=8).train()
    before = {k: v.clone() for k, v in discriminator.state_dict().items()}
    watch.remember(Tint())
    state = torch.get_rng_state()
    watch.judge(Tint(), discriminator, "lsgan")
    assert discriminator.training
    assert all(torch.equal(v, before[k]) for k, v in discriminator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


# --- Runs --------------------------------------------------------------------------------------


def watched(folders: tuple[Path, Path], place: Path, weights: Path, **settings: object) -> dict:
    """A tiny run whose GAN stage is judged every 12 of 60 images."""
    mapping: dict = tiny_mapping(folders, place)
    gan = mapping["stages"][2]
    gan["images"] = 60
    gan["inflection"] = {
        "every": 12,
        "pictures": 4,
        "patience": 2,
        "space": {"backbone": "resnet18", "weights": str(weights)},
        **settings,
    }
    return mapping


@pytest.fixture
def scripted(monkeypatch) -> list[float]:
    """Frechet distances to come, in the order of judgements."""
    coming: list[float] = []
    original = Watch.judge

    def judge(self: Watch, *args: object) -> dict:
        found = original(self, *args)
        guards = {"colorfulness_ratio": 1.0, "skin_hue": 0.0, "skin_chroma": 0.0}
        return found | guards | {"frechet": coming.pop(0)}

    monkeypatch.setattr(Watch, "judge", judge)
    return coming


def averages(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {
        path.parent.name: load_file(path)
        for path in (folder / "checkpoints").glob("*/average.safetensors")
    }


def test_a_run_stops_and_goes_back_to_the_best(sample_folders, tmp_path, scripted, capsys):
    scripted += [1.0, 0.5, 0.6, 0.7]
    config = parse(watched(sample_folders, tmp_path, weights_file(tmp_path)))
    run.train(config)
    assert scripted == []  # three of five epochs
    found = json.loads((config.folder / "inflection.json").read_text())
    assert found["ended"]
    assert (found["chosen"]["images"], found["chosen"]["checkpoint"]) == (12, "gan-0000012")
    assert [j["images"] for j in found["judgements"]] == [0, 12, 24, 36]
    kept = averages(config.folder)
    best, last = kept["gan-0000012"], kept["gan-0000036"]
    assert all(torch.equal(best[key], last[key]) for key in best)
    assert not all(torch.equal(best[k], v) for k, v in kept["gan-0000000"].items())
    assert "back to gan 12 of 36 images" in capsys.readouterr().err
    rows = [row for row in CsvLog(config.folder / "log.csv").rows() if row["watch_frechet"]]
    assert [float(row["watch_frechet"]) for row in rows] == [1.0, 0.5, 0.6, 0.7]
    assert "inflection point" in (config.folder / "report.html").read_text()


def test_a_stage_without_gain_goes_back_to_its_start(sample_folders, tmp_path, scripted):
    scripted += [1.0, 1.2, 1.3]
    config = parse(watched(sample_folders, tmp_path, weights_file(tmp_path)))
    run.train(config)
    kept = averages(config.folder)
    start = kept["discriminator-0000024"]
    assert all(torch.equal(start[key], v) for key, v in kept["gan-0000024"].items())


def test_cycles_go_on_while_they_gain(sample_folders, tmp_path, scripted):
    scripted += [1.0, 0.5, 0.6, 0.6]  # cycle 1 ends at its third epoch
    scripted += [0.5, 0.4, 0.45, 0.45]  # cycle 2 gains
    scripted += [0.4, 0.5, 0.5]  # cycle 3 does not, so there is no fourth
    mapping = watched(sample_folders, tmp_path, weights_file(tmp_path))
    mapping["stages"][2]["repeat"] = 5
    config = parse(mapping)
    names = [scheduled.stage.name for scheduled in config.schedule]
    assert names[-4:] == ["discriminator_4", "gan_4", "discriminator_5", "gan_5"]
    run.train(config)
    assert scripted == []
    found = json.loads((config.folder / "inflection.json").read_text())
    assert (found["chosen"]["stage"], found["chosen"]["images"]) == ("gan_2", 12)
    rows = CsvLog(config.folder / "log.csv").rows()
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    assert stages[-4:] == ["discriminator_2", "gan_2", "discriminator_3", "gan_3"]
    kept = averages(config.folder)
    assert all(torch.equal(kept["gan_2-0000012"][k], v) for k, v in kept["gan_3-0000024"].items())


def test_a_watched_run_killed_and_resumed_ends_bit_identical(sample_folders, tmp_path):
    weights = weights_file(tmp_path)
    # Nothing ever counts as gain: the stage ends after two epochs, back at its start.
    settings = {"minimum_gain": 10.0}
    unbroken = watched(sample_folders, tmp_path / "unbroken", weights, **settings)
    broken = watched(sample_folders, tmp_path / "broken", weights, **settings)
    for mapping in (unbroken, broken):
        mapping["stages"].append({**mapping["stages"][0], "name": "after", "images": 12})
    assert in_child(unbroken) == 0
    assert in_child(broken, die=("images", 66)) == -signal.SIGKILL
    assert in_child(broken, True, ("images", 78)) == -signal.SIGKILL
    assert in_child(broken, True) == 0
    expected, found = (contents(tmp_path / name / "tiny") for name in ("unbroken", "broken"))
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    curves = [
        json.loads((tmp_path / name / "tiny" / "inflection.json").read_text())
        for name in ("unbroken", "broken")
    ]
    assert curves[0] == curves[1]
    assert len(curves[0]["judgements"]) == 3


def test_a_model_without_pretrained_encoder_needs_a_space(tiny: Config):
    mapping = tiny.model_dump(mode="json")
    mapping["stages"][2]["inflection"] = {"every": 12}
    with pytest.raises(GanColorError, match=r"stages\.gan\.inflection\.space: found none"):
        run.train(parse(mapping))


def test_the_models_own_encoder_is_the_default_space(tiny: Config, tmp_path):
    mapping = tiny.model_dump(mode="json")
    mapping["stages"][2]["inflection"] = {"every": 12}
    mapping["model"] |= {"encoder": "resnet18", "encoder_weights": str(tmp_path / "w")}
    config = parse(mapping)
    space = stage_watch.find_space(config, config.stages[2])
    assert (space.backbone, space.weights) == ("resnet18", str(tmp_path / "w"))


def test_cycles_need_a_discriminator_stage(tiny: Config):
    mapping = tiny.model_dump(mode="json")
    mapping["stages"][2]["repeat"] = 2
    del mapping["stages"][1]
    with pytest.raises(GanColorError, match=r"stages\.gan\.repeat: found 2, expected 1"):
        parse(mapping)


def test_colourfulness_of_the_set_is_the_metrics(watch: Watch):
    assert watch.truth_colorfulness == float(metrics.colorfulness(watch.truth).mean())


def test_a_study_finds_the_rules_pick_and_the_best(sample_folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study, "RESAMPLES", 5)
    weights = weights_file(tmp_path)
    mapping = watched(sample_folders, tmp_path, weights, stop=False, pictures=2)
    mapping["run"]["keep"] = 99
    valid = tmp_path / "valid"
    valid.mkdir()
    source = Image.open(next(sample_folders[1].glob("*"))).convert("RGB")
    for i in range(24):
        source.crop((i, i, i + 60, i + 60)).save(valid / f"{i:02}.png")
    mapping["data"]["valid"] = [str(valid)]
    config = parse(mapping)
    run.train(config)
    found = study.study_run(config.folder)
    assert found["snapshots"] == len(found["scores"]) == 6
    assert found["pictures"] == 22
    assert found["best_score"] == pytest.approx(min(found["scores"]), abs=1e-4)
    assert found["picked_score"] >= found["best_score"]
    assert found["before_score"] == pytest.approx(found["scores"][0], abs=1e-4)
    content = json.loads((config.folder / "inflection.json").read_text())
    stopping = InflectionConfig(**content["rule"]).model_copy(update={"stop": True})
    picked = study.replay(content["judgements"], stopping)
    assert found["picked"] == content["judgements"][picked]["images"]
    with pytest.raises(GanColorError, match=r"found no inflection\.json"):
        study.study_run(tmp_path)


def test_a_replay_stops_where_the_run_would_have():
    late = curve(1.0, 0.8, 0.9, 0.9, 0.1)  # a better one comes after patience has run out
    assert study.replay(late, rule()) == 1
    assert decide(late, rule()).best == 4
