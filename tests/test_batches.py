"""`batch: auto` is a number before anything else sees it."""

import pytest
import yaml
from conftest import tiny_mapping

from gan_color import memory, planning
from gan_color.config import Config, parse
from gan_color.errors import GanColorError
from gan_color.planning import MIB, Footprint
from gan_color.training.run import resume_config


def mapping(tmp_path, **gan: object) -> dict:
    found = tiny_mapping((tmp_path, tmp_path), tmp_path, memory="1GiB", epoch_images=2000)
    found["stages"][2] |= {"images": 100_000, "batch": "auto", **gan}
    return found


@pytest.fixture
def counted(monkeypatch) -> list[tuple[str, int, bool]]:
    """What was counted; 100 MiB and 10 an image, so that 86 images fit 1 GiB."""
    asked = []

    def footprint(config: Config, stage, kind, size, recompute) -> Footprint:
        asked.append((kind, size, recompute))
        return Footprint(fixed=100 * MIB, per_image=10 * MIB)

    monkeypatch.setattr(planning, "footprint", footprint)
    return asked


@pytest.mark.parametrize(
    ("gan", "ranks", "batch"),
    [
        ({}, 1, 80),  # in eights
        ({"accumulate": 3}, 1, 240),
        ({}, 4, 320),
        ({"images": 2000}, 1, 40),  # fifty updates
        ({"images": 24}, 1, 2),
        ({"inflection": {"every": 48}}, 1, 48),
    ],
)
def test_the_batch_is_what_fits(tmp_path, counted, monkeypatch, capsys, gan, ranks, batch):
    monkeypatch.setenv("WORLD_SIZE", str(ranks))
    config = parse(mapping(tmp_path, **gan))
    assert [stage.batch for stage in config.stages] == [6, 6, batch]
    assert counted == [("fp32", 32, False)]
    assert f"gan: batch {batch} (auto" in capsys.readouterr().err


def test_a_resumed_run_has_the_number_it_began_with(tmp_path, counted):
    config = parse(mapping(tmp_path))
    config.folder.mkdir()
    text = yaml.safe_dump(config.model_dump(mode="json"))
    (config.folder / "config.yml").write_text(text)
    again = resume_config(config.folder, ("run.memory=2GiB",))
    assert again.stages == config.stages
    assert len(counted) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"memory": "64MiB"},
            r"stages\.gan\.batch: auto found 64 MiB, where .* set run\.recompute",
        ),
        ({"memory": "much"}, r"run\.memory: found 'much', expected a size such as 16GB"),
        ({"memory": None}, r"run\.memory: missing, .* under torchrun"),
        ({"precison": "fp32"}, r"run\.precison: unknown key"),
    ],
)
def test_what_cannot_be_found_is_one_sentence(tmp_path, counted, monkeypatch, change, message):
    monkeypatch.setenv("WORLD_SIZE", "2" if change == {"memory": None} else "1")
    found = mapping(tmp_path)
    found["run"] |= change
    with pytest.raises(GanColorError, match=message) as caught:
        parse(found)
    assert "\n" not in str(caught.value)


def test_a_perceptual_loss_is_counted_and_its_weights_are_not_asked_for(tmp_path):
    found = mapping(tmp_path, batch=6)
    plain = parse(found)
    judge = {"weight": 1, "backbone": "test_resnet", "weights": "missing.safetensors"}
    found["stages"][0]["perceptual"] = judge
    judged = parse(found)
    least, more = (
        planning._peak(config, config.stages[0], "fp32", 32, False, 2) for config in (plain, judged)
    )
    assert more > least


def test_free_memory_is_the_containers_where_it_has_a_limit(tmp_path):
    assert 2**20 < memory.free_bytes("cpu") < 2**50
    assert memory._container(tmp_path) > 2**60
    for name, amount in (("max", "max"), ("current", "1000")):
        (tmp_path / f"memory.{name}").write_text(amount)
    assert memory._container(tmp_path) > 2**60
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory._container(tmp_path) == 4000
