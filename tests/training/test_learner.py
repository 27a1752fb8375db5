"""Where fastai and torch are held by private names; and memory that does not suffice."""

import inspect

import pytest
import torch
from fastai.learner import Learner
from torch.utils.data import DataLoader

from gan_color.data.loaders import end_workers
from gan_color.errors import GanColorError
from gan_color.training.learner import ColorLearner
from gan_color.training.memory.retry import run_step
from tests.helpers.tiny_steps import adversarial, batch, weights


def test_fastai_still_runs_a_batch_through_the_method_we_override():
    assert "_do_one_batch" in inspect.getsource(Learner.one_batch), (
        "fastai renamed Learner._do_one_batch: ColorLearner's steps would not run"
    )
    assert "_do_one_batch" in vars(ColorLearner)
    assert list(inspect.signature(Learner._do_one_batch).parameters) == ["self"]


def test_the_workers_of_a_loader_end_when_told():
    loader = DataLoader(range(8), num_workers=2, persistent_workers=True)
    assert len(list(loader)) == 8
    workers = loader._iterator._workers
    assert [worker.is_alive() for worker in workers] == [True, True]
    end_workers(loader)
    assert [worker.exitcode for worker in workers] == [0, 0]


def starved(most: int):
    """An adversarial step on a device that holds no more than `most` images of features."""
    step = adversarial(norm="none")
    step.generator.eval()
    step.discriminator.eval()
    original = step.discriminator.forward

    def forward(L: torch.Tensor, ab: torch.Tensor):
        if len(L) > most and ab.grad_fn is None:
            raise torch.OutOfMemoryError("no more")
        return original(L, ab)

    step.discriminator.forward = forward
    return step


def test_out_of_memory_the_batch_is_cut_and_the_update_stays_the_same(capsys):
    rich, poor = starved(4), starved(1)
    for step in (rich, poor):
        run_step(step, batch())
        run_step(step, batch())
    assert (rich.grad_accum_steps, poor.grad_accum_steps) == (1, 4)
    assert capsys.readouterr().err.count("out of memory") == 2
    for network in ("generator", "discriminator"):
        pairs = zip(weights(getattr(rich, network)), weights(getattr(poor, network)), strict=True)
        assert all(torch.allclose(a, b, atol=2e-6) for a, b in pairs)


def test_what_does_not_fit_in_any_way_is_one_sentence():
    with pytest.raises(GanColorError, match=r"batch of 4 in 4 parts.*gan-color plan"):
        run_step(starved(0), batch())
