"""Activation checkpointing gives the same training for less memory."""

import copy

import torch
from torch import nn

from gan_color.training.memory.activation_checkpointing import blocks, checkpoint_blocks
from gan_color.training.steps import AdversarialStep
from tests.helpers.tiny_steps import FP32, batch, discriminator, generator, sgd, stage


def trained(checkpointing: bool) -> tuple[dict, dict, int]:
    """Two adversarial updates: losses, the generator's state, bytes kept for the backward pass."""
    model, critic = generator("both"), discriminator()
    if checkpointing:
        assert checkpoint_blocks(model) > 5
    step = AdversarialStep(model, critic, sgd(model), sgd(critic), FP32, stage())
    step.train()
    kept = 0

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        for _ in range(2):
            losses = step(batch())
    return losses, copy.deepcopy(model).state_dict(), kept


def test_the_same_training_to_the_bit_for_less_memory():
    """Losses, weights, running statistics, counters and singular vectors."""
    plain, state, kept = trained(False)
    again, same, less = trained(True)
    assert {k: float(v) for k, v in plain.items()} == {k: float(v) for k, v in again.items()}
    assert state.keys() == same.keys()
    assert [name for name in state if not torch.equal(state[name], same[name])] == []
    assert less < 0.8 * kept


def test_blocks_are_found_in_encoder_and_decoder():
    model = generator("both")
    found = blocks(model)
    assert set(model.blocks) < set(found)
    inside = [b for b in found if any(b is m for m in model.encoder.modules())]
    assert len(inside) > 5
    assert all(any(isinstance(m, nn.Conv2d) for m in b.modules()) for b in found)


def test_nothing_is_recomputed_without_training():
    model = generator("both")
    checkpoint_blocks(model)
    L = torch.zeros(1, 1, 32, 32)
    expected = generator("both").eval().predict_ab(L)
    assert torch.equal(model.eval().predict_ab(L), expected)
