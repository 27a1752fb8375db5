"""What a run would do: rates as they will be logged, times by real updates, no files."""

import re
from pathlib import Path

import pytest

from gan_color.config.schema import Config
from gan_color.training import trainer
from gan_color.training.dry_run import timing
from gan_color.training.dry_run.networks import build, rehearse
from gan_color.training.dry_run.plan import describe, plan_run
from gan_color.training.dry_run.rates import stage_rates
from gan_color.training.loggers.csv_log import CsvLog
from gan_color.training.steps import AdversarialStep, SupervisedStep
from tests.helpers.runs import changed


def test_rates_are_those_that_the_training_logs(tiny: Config):
    config = changed(
        tiny,
        "stages.pretrain.schedule=steps",
        "stages.pretrain.milestones=[0.5]",
        "stages.gan.encoder_lr_mult=0.01",
        "stages.gan.discriminator_lr_mult=3.0",
    )
    trainer.train(config)
    rows = [row for row in CsvLog(config.folder / "log.csv").rows() if row["lr"]]
    rehearsal = rehearse(config)
    for scheduled in config.schedule:
        logged = [row for row in rows if row["stage"] == scheduled.stage.name]
        step, optimizers = build(rehearsal, scheduled.stage)
        # An update's rate is that of the share of the stage that is done before it.
        found = stage_rates(scheduled.stage, 24, step, optimizers, len(logged) + 1)
        assert found.rates.keys() == {n for n in logged[0] if n.startswith("lr") and logged[0][n]}
        for name, rates in found.rates.items():
            expected = [float(row[name]) for row in logged]
            assert rates[:-1] == pytest.approx(expected, abs=2e-8), name  # rows have 8 decimals


def test_stages_that_cost_the_same_are_measured_once(tiny: Config, monkeypatch):
    mapping = tiny.model_dump(mode="json")
    first = mapping["stages"][0]
    mapping["stages"] += [
        {**first, "name": "longer", "images": 240, "lr": 1e-5},
        {**first, "name": "larger", "size": 48},
    ]
    config = Config.model_validate(mapping)
    seen = []
    original = SupervisedStep.__call__

    def watched(self, batch):
        seen.append(tuple(batch.L.shape))
        return original(self, batch)

    monkeypatch.setattr(SupervisedStep, "__call__", watched)
    plans = plan_run(config, measure=True, rates=False)
    # Twice two images to guess, the batch to warm up, and then once or twice.
    sizes = [shape[2] for shape in seen]
    assert seen[:3] == [(2, 1, 32, 32), (2, 1, 32, 32), (6, 1, 32, 32)]
    assert sizes == sorted(sizes)
    assert 4 <= sizes.count(32) <= 5
    assert 4 <= sizes.count(48) <= 5
    by_name = {plan.stage.name: plan for plan in plans}
    assert by_name["longer"].time == by_name["pretrain"].time
    assert by_name["longer"].updates == 10 * by_name["pretrain"].updates
    assert not config.folder.exists()


def test_an_update_that_would_take_too_long_is_measured_in_part(tiny: Config, monkeypatch):
    config = changed(tiny, "stages.gan.batch_size=24", "stages.gan.grad_accum_steps=2")
    stage = config.stages[2]
    seen: list[int] = []
    rehearsal = rehearse(config)
    step, _ = build(rehearsal, stage)
    assert isinstance(step, AdversarialStep)
    monkeypatch.setattr(timing, "run_step", lambda step, batch: seen.append(len(batch)))
    clock = iter(range(1000))  # each update takes a second, whatever it holds
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(clock)))
    # By four images 24 would take 6 seconds, which is too long, and 12 take 3.
    assert timing.time_update(rehearsal, stage, step) == (24 / 12 * 1.0, 12)
    assert seen == [4, 4, 12, 12, 12]


def test_lines_add_up(tiny: Config):
    plans = plan_run(tiny, measure=False, rates=False)
    assert len(describe(tiny, plans)) == 3
    for plan, seconds in zip(plans, (0.5, 100.0, 1.0), strict=True):
        plan.time = timing.UpdateTime(seconds, 3 if plan.stage.name == "gan" else 6)
    lines = describe(tiny, plans)
    assert lines[3] == "pretrain: 4 updates of 0.5 s: 2 s"
    assert lines[4] == "discriminator: 4 updates of 100 s: 7 min"
    assert lines[5] == "gan: 4 updates of 1 s (measured with 3 of 6 images): 4 s"
    assert re.match(r"the whole run: 7 min of updates on (cpu|cuda).* in fp32; ", lines[6])


def test_weights_that_are_not_here_are_not_looked_for(tiny: Config, tmp_path: Path):
    config = changed(
        tiny,
        f"model.encoder_weights={tmp_path / 'none.safetensors'}",
        "stages.gan.perceptual={weight: 1.0, backbone: resnet18, weights: /none.safetensors}",
        "stages.gan.images=6",
    )
    plans = plan_run(config, measure=True, rates=True)
    assert all(plan.time and plan.rates for plan in plans)
