"""A whole run on two ranks: three stages, checkpoints, a rank that is lost, and going on."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
import torch

from gan_color.config.schema import parse
from gan_color.errors import GanColorError
from gan_color.training import checkpoint, trainer
from tests.helpers.processes import contents, exit_codes_of_two_ranks, in_two_ranks
from tests.helpers.runs import tiny_mapping
from tests.helpers.tiny_steps import adversarial, batch, weights


def train_rank(rank: int, mapping: dict, place: Path, resume: bool, dies_at: int | None) -> None:
    """Train in `place`; leave this rank's weights, or its error, there. Rank 1 may be killed."""
    os.chdir(place)
    advance, finish = trainer.TrainingState.advance, trainer.Trainer.finish

    def advance_or_die(self: trainer.TrainingState, images: int) -> None:
        advance(self, images)
        if rank == 1 and dies_at is not None and self.total_images >= dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def finish_and_keep(self: trainer.Trainer) -> Path:
        networks = (self.networks.generator, self.networks.discriminator)
        torch.save([n.state_dict() for n in networks], place / f"rank{rank}.pt")
        return finish(self)

    trainer.TrainingState.advance = advance_or_die
    trainer.Trainer.finish = finish_and_keep
    try:
        trainer.train(parse(mapping), resume=resume)
    except GanColorError as error:
        (place / f"rank{rank}.error").write_text(str(error))
        sys.exit(2)


def kept(place: Path, rank: int) -> dict[str, torch.Tensor]:
    states = torch.load(place / f"rank{rank}.pt", weights_only=True)
    return {f"{i}.{name}": value for i, state in enumerate(states) for name, value in state.items()}


@pytest.fixture
def mapping(tmp_path: Path) -> dict:
    """The tiny run on the packaged photographs, whose BatchNorms keep their statistics."""
    found = tiny_mapping((tmp_path, tmp_path), Path("runs"))
    found["data"] = {"samples": True, "num_workers": 0}
    found["run"]["trial"] = True  # by the first rank, while the other waits
    for stage in (found["stages"][0], found["stages"][2]):
        stage["freeze_norm"] = True
    return found


def test_two_ranks_train_as_one_and_go_on_after_one_is_lost(tmp_path: Path, mapping: dict):
    whole, broken, alone = (tmp_path / name for name in ("whole", "broken", "alone"))
    for place in (whole, broken, alone):
        place.mkdir()

    assert exit_codes_of_two_ranks(train_rank, mapping, whole, False, None) == [0, 0]
    first, second = kept(whole, 0), kept(whole, 1)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []
    # One rank looked at the images, once each.
    lines = (whole / "runs" / ".scan" / "files.jsonl").read_text().split("\n")
    seen = [line for line in lines if line]
    assert len(seen) == len(set(seen)) == len(list((whole / "datasets").rglob("*.png")))

    # The same images in one process: what differs is the order in which gradients are summed.
    process = multiprocessing.get_context("forkserver").Process(
        target=train_rank, args=(0, mapping, alone, False, None)
    )
    process.start()
    process.join(300)
    one = kept(alone, 0)
    off = sum(float((first[n].double() - one[n].double()).square().sum()) for n in one)
    size = sum(float(one[n].double().square().sum()) for n in one)
    assert (off / size) ** 0.5 < 1e-3

    # A rank that is killed ends the other one, with a line; the run goes on from its checkpoint.
    codes = exit_codes_of_two_ranks(train_rank, mapping, broken, False, 42)
    assert codes == [2, -signal.SIGKILL]
    error = (broken / "rank0.error").read_text()
    assert "another rank of this job is gone" in error
    assert "--resume" in error
    assert "\n" not in error
    assert checkpoint.find(broken / "runs" / "tiny" / "checkpoints")
    assert exit_codes_of_two_ranks(train_rank, mapping, broken, True, None) == [0, 0]
    expected, found = (contents(place / "runs" / "tiny") for place in (whole, broken))
    assert [name for name in expected if expected[name] != found.get(name)] == []
    assert expected.keys() == found.keys()


def test_what_the_first_rank_finds_wrong_is_what_both_say(tmp_path: Path, mapping: dict):
    mapping["data"] = {"folders": ["missing"], "num_workers": 0}
    assert exit_codes_of_two_ranks(train_rank, mapping, tmp_path, False, None) == [2, 2]
    errors = {(tmp_path / f"rank{rank}.error").read_text() for rank in range(2)}
    assert len(errors) == 1
    assert "found no folder" in errors.pop()


def _two_updates(rank: int = 0, ranks: int = 1) -> list[torch.Tensor]:
    """Two adversarial updates on this rank's share of the batch, without batch statistics."""
    step = adversarial(norm="spectral")
    step.generator.eval()  # BatchNorm of the encoder would see half the batch
    for data in (batch(4), batch(4)):
        share = data.split(ranks)[rank]
        step(share)
    return weights(step.generator) + weights(step.discriminator)


def _train_rank(rank: int, path: str) -> None:
    torch.save(_two_updates(rank, 2), f"{path}.{rank}")


def test_two_ranks_update_as_one_process(tmp_path):
    path = str(tmp_path / "weights")
    in_two_ranks(_train_rank, path)
    first, second = (torch.load(f"{path}.{rank}", weights_only=True) for rank in range(2))
    alone = _two_updates()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(torch.allclose(a, b, atol=2e-6) for a, b in zip(first, alone, strict=True))
