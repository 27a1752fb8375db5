"""`batch_size: auto` is a number before anything is trained."""

import pytest
import yaml

from gan_color import distributed
from gan_color.config.schema import Config, parse
from gan_color.errors import GanColorError
from gan_color.training.memory import device_memory, planner
from gan_color.training.memory.auto_batch import resolve_batches
from gan_color.training.memory.planner import MIB, Footprint
from gan_color.training.run_folder import resume_config
from tests.helpers.runs import tiny_mapping


def mapping(tmp_path, **gan: object) -> dict:
    found = tiny_mapping((tmp_path, tmp_path), tmp_path, memory_budget="1GiB", epoch_images=2000)
    found["stages"][2] |= {"images": 100_000, "batch_size": "auto", **gan}
    return found


@pytest.fixture
def counted(monkeypatch) -> list[tuple[str, int, bool]]:
    """What was counted; 100 MiB and 10 an image, so that 86 images fit 1 GiB."""
    asked = []

    def footprint(config: Config, stage, kind, size, checkpointing) -> Footprint:
        asked.append((kind, size, checkpointing))
        return Footprint(fixed=100 * MIB, per_image=10 * MIB)

    monkeypatch.setattr(planner, "footprint", footprint)
    return asked


@pytest.mark.parametrize(
    ("gan", "ranks", "batch"),
    [
        ({}, 1, 80),  # in eights
        ({"grad_accum_steps": 3}, 1, 240),
        ({}, 4, 320),
        ({"images": 2000}, 1, 40),  # fifty updates
        ({"images": 24}, 1, 2),
        ({"early_stopping": {"eval_every": 48}}, 1, 48),
    ],
)
def test_the_batch_is_what_fits(tmp_path, counted, monkeypatch, capsys, gan, ranks, batch):
    monkeypatch.setattr(distributed, "world_size", lambda: ranks)
    monkeypatch.setattr(distributed, "on_first_rank", lambda work: work())
    config = resolve_batches(parse(mapping(tmp_path, **gan)))
    assert [stage.batch_size for stage in config.stages] == [6, 6, batch]
    assert counted == [("fp32", 32, False)]
    assert f"gan: batch {batch} (auto" in capsys.readouterr().err


def test_a_resumed_run_has_the_number_it_began_with(tmp_path, counted):
    config = resolve_batches(parse(mapping(tmp_path)))
    config.folder.mkdir()
    text = yaml.safe_dump(config.model_dump(mode="json"))
    (config.folder / "config.yml").write_text(text)
    again = resume_config(config.folder, ("run.memory_budget=2GiB",))
    assert again.stages == config.stages
    assert len(counted) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"memory_budget": "64MiB"},
            r"stages\.gan\.batch_size: auto found 64 MiB, where .* set run\.activation",
        ),
        (
            {"memory_budget": "much"},
            r"run\.memory_budget: found 'much', expected a size such as 16GB",
        ),
        ({"precison": "fp32"}, r"run\.precison: unknown key"),
    ],
)
def test_what_cannot_be_found_is_one_sentence(tmp_path, counted, change, message):
    found = mapping(tmp_path)
    found["run"] |= change
    with pytest.raises(GanColorError, match=message) as caught:
        resolve_batches(parse(found))
    assert "\n" not in str(caught.value)


def test_a_perceptual_loss_is_counted_and_its_weights_are_not_asked_for(tmp_path):
    found = mapping(tmp_path, batch_size=6)
    plain = parse(found)
    loss = {"weight": 1, "backbone": "test_resnet", "weights": "missing.safetensors"}
    found["stages"][0]["perceptual"] = loss
    perceptual = parse(found)
    least, more = (
        planner._peaks(config, config.stages[0], "fp32", 32, False, (2,))[0]
        for config in (plain, perceptual)
    )
    assert more > least


def test_free_memory_is_the_containers_where_it_has_a_limit(tmp_path):
    assert 2**20 < device_memory.free_bytes("cpu") < 2**50
    assert device_memory._container(tmp_path) > 2**60
    for name, amount in (("max", "max"), ("current", "1000")):
        (tmp_path / f"memory.{name}").write_text(amount)
    assert device_memory._container(tmp_path) > 2**60
    (tmp_path / "memory.max").write_text("5000\n")
    assert device_memory._container(tmp_path) == 4000
