"""Ties the rule of gan_color.training.early_stopping to a run: when to judge, stop and go back."""

import json
from pathlib import Path
from typing import Any

from gan_color import distributed
from gan_color.atomic import write_text
from gan_color.config.schema import Config, Scheduled
from gan_color.config.stages import AdversarialStage, SpaceConfig
from gan_color.console import console
from gan_color.data.index import ImageFile
from gan_color.errors import GanColorError
from gan_color.evaluation.feature_extractors import BackboneSpace
from gan_color.training import checkpoint
from gan_color.training.amp import Precision
from gan_color.training.early_stopping import Judgement, Verdict, Watch, allowed, decide, score
from gan_color.training.networks import Networks
from gan_color.training.state import Record

FILE = "inflection.json"


def find_space(config: Config, stage: AdversarialStage) -> SpaceConfig:
    """The feature space a stage is judged in: its own, or the model's pretrained encoder's."""
    assert stage.inflection is not None
    if stage.inflection.space is not None:
        return stage.inflection.space
    options: dict[str, Any] = config.model
    if options.get("encoder_weights", "none") == "none":
        raise GanColorError(
            f"stages.{stage.name}.inflection.space: found none, and the model has no pretrained "
            "encoder to judge with; expected {backbone: NAME, weights: pretrained or PATH}"
        )
    return SpaceConfig(
        backbone=options["encoder"],
        weights=options["encoder_weights"],
        args=options["encoder_args"],
        drop=tuple(options["encoder_drop"]),
    )


class StageWatch:
    """One watched adversarial stage of a run. Only the first rank judges."""

    def __init__(
        self,
        config: Config,
        scheduled: Scheduled,
        valid: list[ImageFile],
        record: Record,
        networks: Networks,
        precision: Precision,
    ) -> None:
        stage = scheduled.stage
        assert isinstance(stage, AdversarialStage)
        assert stage.inflection is not None
        self.stage, self.rule, self.scheduled = stage, stage.inflection, scheduled
        assert networks.discriminator is not None
        self.record, self.average = record, networks.average
        self.discriminator = networks.discriminator
        self.watch: Watch | None = None
        if distributed.rank() == 0:
            space = find_space(config, stage)
            size = self.rule.size or stage.size
            judging = BackboneSpace(
                space.backbone, space.weights, space.stride, dict(space.args), space.drop
            )
            self.watch = Watch(valid, size, self.rule.pictures, judging, precision)

    @property
    def judgements(self) -> list[Judgement]:
        """Of this stage, over all its cycles."""
        return [j for j in self.record.judgements if j["of"] == self.scheduled.of]

    def begin(self) -> None:
        """Judge the generator the cycle starts from; before the first, that is the one before
        the GAN. After a resume, read that one back.
        """
        if self.watch is None:
            return
        if self.judgements:
            first = self.record.folder / "checkpoints" / self.judgements[0]["checkpoint"]
            now = {k: v.clone() for k, v in self.average.model.state_dict().items()}
            found = checkpoint.read(first)
            self.average.model.load_state_dict(checkpoint.load(found, "average"))
            self.watch.remember(self.average.model)
            self.average.model.load_state_dict(now)
        else:
            self.watch.remember(self.average.model)
        if not self.record.images:
            self.judge()

    def judge(self) -> None:
        """Judge the EMA generator, log it, and write inflection.json."""
        if self.watch is None:
            return
        record = self.record
        found = self.watch.judge(self.average.model, self.discriminator, self.stage.objective)
        judgement: Judgement = {
            "of": self.scheduled.of,
            "cycle": self.scheduled.cycle,
            "stage": self.stage.name,
            "images": record.images,
            "total_images": record.total_images,
            "checkpoint": record.checkpoint_name,
            **found,
        }
        first = self.judgements[0] if self.judgements else judgement
        judgement["score"] = score(judgement, first, self.rule)
        judgement["allowed"] = allowed(judgement, self.rule)
        record.judgements.append(judgement)
        numbers = {name: value for name, value in found.items() if value is not None}
        record.log({f"watch_{k}": v for k, v in (numbers | {"score": judgement["score"]}).items()})
        best = self.judgements[self.verdict().best]
        record.spared = {self.judgements[0]["checkpoint"], best["checkpoint"]}
        self.write(ended=False)
        console.print(
            f"{self.stage.name}: {record.images:,} images: score {judgement['score']:.3f} "
            f"(Frechet {found['frechet']:.3f}, colourfulness {found['colorfulness_ratio']:.0%} of "
            f"the truth's); best {best['score']:.3f} at {best['stage']} {best['images']:,}"
        )

    def verdict(self) -> Verdict:
        """What the rule says now."""
        return decide(self.judgements, self.rule)

    def should_stop(self) -> bool:
        """The rule's answer, the same on every rank."""
        return distributed.agree(self.watch is not None and self.verdict().stop)

    def best(self) -> Judgement:
        """The judgement to go back to."""
        return self.judgements[self.verdict().best]

    def gained(self) -> bool:
        """True where this cycle holds the best judgement: then another cycle is worth its time."""
        return distributed.agree(
            self.watch is not None and self.best()["cycle"] == self.scheduled.cycle
        )

    def write(self, ended: bool) -> Path:
        """Write inflection.json: the rule, every judgement, and the chosen one."""
        path = self.record.folder / FILE
        content = {
            "pictures": [str(path) for path in self.watch.files] if self.watch else [],
            "rule": self.rule.model_dump(mode="json"),
            "judgements": self.judgements,
            "chosen": self.best(),
            "ended": ended,
        }
        write_text(path, json.dumps(content, indent=1))
        return path
