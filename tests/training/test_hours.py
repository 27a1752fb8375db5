"""A run that takes the time it is given: every stage scaled alike, once, by measured updates."""

from pathlib import Path

import pytest

from gan_color.config.schema import Config, load, parse
from gan_color.errors import GanColorError
from gan_color.training import trainer
from gan_color.training.dry_run import hours, plan
from gan_color.training.dry_run.hours import UPDATES_SHARE, resolve_hours
from gan_color.training.dry_run.timing import UpdateTime
from tests.helpers.processes import in_two_ranks
from tests.helpers.runs import changed

UPDATES = 3 * 4  # of the tiny run


@pytest.fixture
def a_second_each(monkeypatch):
    """Every update takes a second."""
    monkeypatch.setattr(plan, "time_update", lambda rehearsal, stage, step: UpdateTime(1.0, 6))


def of(seconds: float) -> str:
    """An override: hours whose updates take so many seconds."""
    return f"run.hours={seconds / UPDATES_SHARE / 3600}"


def test_stages_and_half_lives_are_scaled_to_the_time(tiny: Config, a_second_each):
    config = changed(tiny, of(UPDATES / 2), "stages.gan.ema_half_life=8")
    found = resolve_hours(config)
    assert found.run.hours is None
    assert found.run.duration_scale == pytest.approx(0.5, rel=0.01)
    assert [scheduled.stage.images for scheduled in found.schedule] == [12, 12, 12]
    assert found.run.ema_half_life == pytest.approx(5, rel=0.01)
    assert found.stages[-1].ema_half_life == pytest.approx(4, rel=0.01)
    longer = resolve_hours(changed(tiny, of(UPDATES * 2)))
    assert [scheduled.stage.images for scheduled in longer.schedule] == [48, 48, 48]
    assert longer.run.ema_half_life == tiny.run.ema_half_life


def test_a_run_without_hours_measures_nothing(tiny: Config, monkeypatch):
    monkeypatch.setattr(hours, "plan_run", None)
    assert resolve_hours(tiny) is tiny


def _scale_on_rank(rank: int, mapping: dict, place: Path) -> None:
    original = plan.time_update

    def a_second(*arguments) -> UpdateTime:
        original(*arguments)  # with its collectives, which the other rank would not answer
        return UpdateTime(1.0, 6)

    plan.time_update = a_second
    scale = resolve_hours(parse(mapping)).run.duration_scale
    (place / f"{rank}.txt").write_text(str(scale))


def test_two_ranks_have_one_scale_and_share_the_work(tiny: Config, tmp_path: Path):
    mapping = changed(tiny, of(UPDATES)).model_dump(mode="json")
    in_two_ranks(_scale_on_rank, mapping, tmp_path)
    assert [(tmp_path / f"{rank}.txt").read_text() for rank in range(2)] == ["2.0", "2.0"]


def test_the_length_of_a_run_is_kept_for_its_resuming(tiny: Config, a_second_each):
    config = changed(tiny, of(UPDATES / 2))
    trainer.train(config)
    kept = load(config.folder / "config.yml")
    assert kept.run.hours is None
    assert kept.run.duration_scale == pytest.approx(0.5, rel=0.01)


def test_too_little_time_and_two_lengths_are_refused(tiny: Config, a_second_each):
    with pytest.raises(GanColorError, match=r"run.hours: found .* pretrain would see 2 images"):
        resolve_hours(changed(tiny, of(1)))
    with pytest.raises(GanColorError, match="one of them"):
        changed(tiny, "run.hours=1", "run.duration_scale=0.5")
