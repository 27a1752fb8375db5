"""Strict configuration: every mistake names the key, what was found and what is allowed."""

import re
from pathlib import Path

import pytest
import torch

from gan_color.config.schema import load, parse
from gan_color.config.yaml_file import apply_override, read_yaml
from gan_color.errors import GanColorError
from gan_color.hub.init_from import load_config
from gan_color.models import registry
from gan_color.models.discriminators import create_discriminator
from gan_color.training.amp import Precision
from gan_color.training.builders import build_step, plan_epochs
from tests.helpers.runs import REPOSITORY, tiny_mapping

CONFIGS = sorted((REPOSITORY / "configs").glob("*.yml"))


@pytest.fixture
def mapping(tmp_path: Path) -> dict[str, object]:
    return tiny_mapping((tmp_path, tmp_path), tmp_path)


def assert_refused(mapping: dict, override: str, message: str) -> None:
    """Setting the key is one GanColorError of one line."""
    apply_override(mapping, override)
    with pytest.raises(GanColorError, match=message) as caught:
        parse(mapping)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_builds_its_model_and_its_steps(path: Path):
    config = load_config(path)
    options = {k: v for k, v in config.model.items() if k != "name"}
    if "encoder_weights" in options:
        options["encoder_weights"] = "none"
    if "classifier_weights" in options:
        options["classifier_weights"] = "none"
    with torch.device("meta"):  # shapes are enough, and some networks are large
        generator = registry.create(config.model["name"], **options)
        discriminator = create_discriminator(config.discriminator)
    precision = Precision("fp32", torch.device("meta"))
    for stage in config.stages:
        stage = (
            stage.model_copy(update={"perceptual": None}) if hasattr(stage, "perceptual") else stage
        )
        _, optimizers = build_step(stage, generator, discriminator, precision, False)
        assert optimizers
        batch = 64 if stage.batch_size == "auto" else stage.batch_size
        epochs, batches = plan_epochs(
            stage.model_copy(update={"batch_size": batch}), config.run.epoch_images
        )
        assert epochs * batches * batch == pytest.approx(stage.images, rel=0.1)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_header_says_source_command_expectation_and_differences(path: Path):
    header = path.read_text(encoding="utf-8").partition("\nrun:")[0]
    title, *lines = header.splitlines()
    assert all(line.startswith("# ") for line in (title, *lines))
    labels = re.findall(r"^# ([A-Z]\w+): +\S", "\n".join(lines), re.MULTILINE)
    assert [label for label in labels if label != "Then"] == [
        "Source",
        "Command",
        "Expect",
        "Differs",
    ]
    assert re.search(rf"gan-color (train --config )?{path.stem}\b", header)


@pytest.mark.parametrize("family", ["deoldify_*", "pix2pix*", "ddcolor", "wallner_gan", "zhang16"])
def test_published_code_is_named_with_a_commit(family: str):
    for path in (REPOSITORY / "configs").glob(f"{family}.yml"):
        source = path.read_text(encoding="utf-8").partition("# Command:")[0]
        assert re.search(r"https://github\.com/\S+\W.*\bat [0-9a-f]{7}\b", source, re.DOTALL), path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_config_has_more_than_six_stages(path: Path):
    assert len(load_config(path).stages) <= 6


def test_the_recipe_for_a_16_gb_card_is_what_it_says():
    config = load(REPOSITORY / "configs" / "gan_color_16gb.yml")
    assert (config.model["preset"], config.run.precision) == ("base", "auto")
    found = config.discriminator
    assert (found.kind, found.num_discriminators, found.base_channels) == ("patch", 3, 64)
    assert {(stage.kind, stage.size) for stage in config.stages} == {
        (kind, size)
        for kind in ("supervised", "discriminator", "adversarial")
        for size in (128, 256)
    }
    # A generator that has had its GAN is not pretrained again.
    kinds = [stage.kind for stage in config.stages]
    assert "supervised" not in kinds[kinds.index("discriminator") :]
    for stage in config.stages:
        assert stage.batch_size == "auto" or stage.kind == "discriminator"
        assert stage.kind != "adversarial" or stage.early_stopping


def test_every_config_is_in_the_table_of_recipes():
    table = (REPOSITORY / "configs" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in CONFIGS if f"]({path.name})" not in table] == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.precison=bf16", r"run\.precison: unknown key.*did you mean 'precision'"),
        ("stages.gan.imagez=5", r"stages\.gan\.imagez: unknown key.*gan.*did you mean 'images'"),
        (
            "stages.pretrain.adversarial_weight=1",
            r"stages\.pretrain\.adversarial_weight: unknown",
        ),
        ("stages.gan.kind=adversaria", r"stages\.gan\.kind: found 'adversaria'.*'adversarial'"),
        ("stages.gan.lr=fast", r"stages\.gan\.lr: found 'fast', expected a number"),
        (
            "stages.gan.batch_size=0",
            r"stages\.gan\.batch_size: found 0, expected a whole number above 0, or auto",
        ),
        ("stages.gan.gan_mode=lsgann", r"gan_mode: found 'lsgann'.*did you mean 'lsgan'"),
        ("model.name=unett", r"model: found 'unett', expected one of.*did you mean 'unet'"),
        ("model.decodr_channels=[1]", r"model: decodr_channels: unknown .*mean 'decoder_channels'"),
        ("model.decoder_channels=[1]", r"decoder_channels: found 1 numbers, expected 5"),
        ("data.augment.scale=[1.0, 0.5]", r"scale: found \[1\.0, 0\.5\], expected"),
        ("data.samples=true", r"data: give either folders.*or samples"),
        ("stages.gan.grad_accum_steps=4", r"grad_accum_steps: found 4, .* batch_size = 6"),
        ("run.name=../up", r"run\.name: found '\.\./up'"),
        ("stages.gan.name=pretrain", r"expected each once"),
        ("stages=[]", r"stages: found a list"),
        ("stages.gan.betas=[1, 0.9]", r"stages\.gan\.betas\.0: found 1, .*less than 1"),
        ("stages.pretrain.betas=[0.9, 1]", r"stages\.pretrain\.betas\.1: found 1, .*less than 1"),
        ("stages.discriminator.betas=[-0.1, 0.9]", r"stages\.discriminator\.betas\.0: found -0\.1"),
        (
            "stages.pretrain.hints={share: 0.5}",
            r"stages\.pretrain\.hints: found some for 'unet' .*expected model\.hints: true of unet",
        ),
        ("stages.gan.hints={}", r"stages\.gan\.hints: found some for 'unet'"),
        ("stages.discriminator.hints={}", r"stages\.discriminator\.hints: unknown key"),
        ("stages.gan.hints={share: 0}", r"stages\.gan\.hints\.share: found 0, .*greater than 0"),
        ("loggers.wandb=maybe", r"loggers\.wandb\.mode: found 'maybe', expected 'disabled'"),
        ("loggers.wandb=true", r"loggers\.wandb: found true, expected disabled, offline or online"),
        ("loggers.wandb.groupp=x", r"loggers\.wandb\.groupp: unknown .*mean 'group'"),
        ("run.ema_half_life=.nan", r"ema_half_life: found nan"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(mapping, override, message):
    assert_refused(mapping, override, message)


def test_a_missing_key_is_named(mapping):
    del mapping["stages"][0]["lr"]
    with pytest.raises(GanColorError, match=r"stages\.pretrain\.lr: missing"):
        parse(mapping)


def test_wandbs_mode_alone_stands_for_its_mapping(mapping):
    """In a file, and set over a file's or a run's mapping, whose other keys stay."""
    assert parse(mapping).loggers.wandb.mode == "disabled"
    assert parse(mapping | {"loggers": {"wandb": {"group": "g"}}}).loggers.wandb.mode == "online"
    mapping["loggers"] = {"wandb": "offline"}
    assert parse(mapping).loggers.wandb.mode == "offline"
    apply_override(mapping, "loggers.wandb.project=birds")
    apply_override(mapping, "loggers.wandb=online")
    assert mapping["loggers"]["wandb"] == {"mode": "online", "project": "birds"}
    resumed = parse(mapping).model_dump(mode="json")
    apply_override(resumed, "loggers.wandb=disabled")
    found = parse(resumed).loggers.wandb
    assert (found.mode, found.project) == ("disabled", "birds")


def test_overrides_reach_stages_by_name_and_by_number(mapping):
    for override in ("stages.gan.lr=5e-5", "stages.0.lr=2e-3", "run.seed=7", "data.augment.flip=0"):
        apply_override(mapping, override)
    config = parse(mapping)
    assert config.stages[2].lr == 5e-5
    assert config.stages[0].lr == 2e-3
    assert config.run.seed == 7
    assert config.data.augment.flip == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.seed", "expected KEY.KEY=VALUE"),
        ("=3", "expected KEY.KEY=VALUE"),
        (
            "stages.nope.lr=1",
            "found 'nope' in a list, expected one of pretrain, discriminator, gan",
        ),
        ("run.seed.deeper=1", "leads into a value"),
        ("run.seed=[1", r"--set: .run.seed=\[1., line 1: not valid YAML"),
    ],
)
def test_an_override_that_cannot_be_followed_is_refused(mapping, override, message):
    mapping["run"]["seed"] = 0
    with pytest.raises(GanColorError, match=message):
        apply_override(mapping, override)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "stands twice"),
        ("- 1\n", "expected a mapping"),
        ("a: [1\n", "not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
    ],
)
def test_a_file_that_is_not_plain_yaml_is_refused(text, message, tmp_path):
    path = tmp_path / "c.yml"
    path.write_text(text)
    with pytest.raises(GanColorError, match=message):
        read_yaml(path)
    with pytest.raises(GanColorError, match="found no file"):
        read_yaml(tmp_path / "missing.yml")


def test_a_resolved_config_reads_back_as_itself(mapping):
    config = parse(mapping)
    assert parse(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.augment.flip=yes", r"data\.augment\.flip: found 'yes', expected a number"),
        ("data.augment.flip=true", r"data\.augment\.flip: found true, expected a number"),
        ("data.drop_gray=1", r"data\.drop_gray: found 1, expected true or false"),
        ("data.drop_gray=1.0", r"data\.drop_gray: found 1\.0, expected true or false"),
        ("data.drop_gray=yes", r"data\.drop_gray: found 'yes', expected true or false"),
        ("run.seed=true", r"run\.seed: found true, expected a whole number"),
        ('run.seed="3"', r"run\.seed: found '3', expected a whole number"),
        ("run.seed=1.5", r"run\.seed: found 1\.5, input should be a valid integer"),
        ("run.seed=1:30", r"run\.seed: found '1:30', expected a whole number"),
        ("run.name=2024", r"run\.name: found 2024, expected text: write it in quotes"),
        ("data.source_weights={a: true}", r"data\.source_weights: found true, expected a number"),
        ("run.dir=3", r"run\.dir: found 3"),
        ("data.val_fraction='0.1'", r"data\.val_fraction: found '0\.1', expected a number"),
        ("stages.gan.images=1.5", r"stages\.gan\.images: found 1\.5, input should be a valid int"),
        ("stages.gan.lr='1e-4'", r"stages\.gan\.lr: found '1e-4', expected a number"),
        ("stages.gan.batch_size=true", r"stages\.gan\.batch_size: found true, expected a whole"),
        ("stages.gan.betas=[0.5, yes]", r"stages\.gan\.betas: found 'yes', expected a number"),
        ("stages.gan.betas=0.5", r"stages\.gan\.betas: found 0\.5, input should be a valid tuple"),
        ("stages.gan.betas=[0.5]", r"stages\.gan\.betas\.1: missing"),
        ("stages.gan.average_from=[7]", r"stages\.gan\.average_from\.0: found 7, expected text"),
        ("stages.gan.early_stopping={eval_every: '9'}", r"early_stopping\.eval_every: found '9'"),
        ("model.rebalance=true", r"model: rebalance: found true, expected a number"),
        ("model.blur=1", r"model: blur: found 1, expected true or false"),
        ("model.decoder_channels=[8, 8, 8, 8, yes]", r"decoder_channels: found 'yes', expected a"),
        ("discriminator.attention='true'", r"discriminator\.attention: found 'true', expected"),
        ("stages.1.lr=x", r"stages\.discriminator\.lr: found 'x'"),
        ("run.init_from=~nobody_at_all/x", r"run\.init_from: found '~nobody_at_all/x', expected"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(mapping, override, message):
    assert_refused(mapping, override, message)


def test_whole_numbers_may_be_written_as_floats(mapping):
    for override in (
        "stages.gan.images=1e4", "stages.gan.size=64.0", "stages.gan.batch_size=1e1",
        "run.seed=010", "stages.gan.lr=1", "model.decoder_channels=[16.0, 12, 8, 8, 8]",
        "discriminator.num_layers=2.0", "discriminator.padding=1.0",
    ):  # fmt: skip
        apply_override(mapping, override)
    config = parse(mapping)
    stage = config.stages[2]
    assert (stage.images, stage.size, stage.batch_size) == (10_000, 64, 10)
    assert (config.run.seed, config.discriminator.num_layers) == (10, 2)
    assert isinstance(stage.images, int)
    assert config.model["decoder_channels"][0] == 16


def test_a_stage_of_a_name_that_is_not_its_own_goes_by_number(mapping):
    apply_override(mapping, "stages.2.name=pretrain")
    apply_override(mapping, "stages.2.lr=x")
    with pytest.raises(GanColorError, match=r"config: stages\.2\.lr: found 'x'"):
        parse(mapping)


def test_the_home_folder_may_be_written_as_a_tilde(mapping, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    extractor = "{eval_every: 9, feature_extractor: {backbone: x, weights: ~/f}}"
    for override in (
        "run.dir=~/runs", "run.init_from=~/m.safetensors", "data.folders=[~/a, {path: ~/b}]",
        "data.val.0=~", "data.val.0=~/v", "model.encoder_weights=~/e.safetensors",
        "stages.gan.perceptual={weight: 1, weights: ~/p}", f"stages.gan.early_stopping={extractor}",
    ):  # fmt: skip
        apply_override(mapping, override)
    config, stage = parse(mapping), parse(mapping).stages[2]
    folders = [folder.path for folder in (*config.data.folders, *config.data.val)]
    assert folders == [tmp_path / "a", tmp_path / "b", tmp_path / "v"]
    assert (config.run.dir, config.run.init_from) == (tmp_path / "runs", tmp_path / "m.safetensors")
    assert config.model["encoder_weights"] == f"{tmp_path}/e.safetensors"
    assert stage.perceptual.weights == f"{tmp_path}/p"
    assert stage.early_stopping.feature_extractor.weights == f"{tmp_path}/f"
    classifier = registry.parse_options("koalarization", {"classifier_weights": "~/c"})
    assert classifier.classifier_weights == f"{tmp_path}/c"
