"""Speed options change only speed; torch.compile makes a graph for all sizes, or says why."""

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.nn.modules.batchnorm import _BatchNorm

from gan_color.config.schema import Config
from gan_color.errors import GanColorError
from gan_color.models import registry
from gan_color.models.base import Colorizer
from gan_color.training.amp import Precision
from gan_color.training.memory.activation_checkpointing import checkpoint_blocks
from gan_color.training.networks import Networks, compile_or_warn
from gan_color.training.steps import AdversarialStep
from tests.helpers.tiny_steps import FP32, batch, discriminator, sgd, stage

SIZES = (64, 96)


def generator() -> Colorizer:
    """One with few layers: tracing takes time by the layer."""
    torch.manual_seed(0)
    options = {
        "encoder": "test_resnet",
        "encoder_weights": "none",
        "decoder_channels": [16, 12, 8, 8, 8],
    }
    model = registry.create("unet", **options)
    nn.init.normal_(model.head.weight, std=0.1)
    return model.train()


def losses(*options: str) -> list[dict[str, float]]:
    """Of two adversarial updates, of different sizes, with speed options on."""
    model, critic = generator(), discriminator()
    if "channels_last" in options:
        for module in (model, critic):
            module.to(memory_format=torch.channels_last)
    if "recompute" in options:
        checkpoint_blocks(model)
    counters = [CompileCounter(), CompileCounter()]
    if "compile" in options:
        torch.compiler.reset()
        for module, counter in zip((model, critic), counters, strict=True):
            compile_or_warn(module, counter)
    precision = Precision("bf16", torch.device("cpu")) if "bf16" in options else FP32
    step = AdversarialStep(model, critic, sgd(model), sgd(critic), precision, stage())
    step.train()
    found = [step(batch(size=size)) for size in SIZES]
    if "compile" in options:
        # The discriminators are used in three ways: with and without their own gradients, and
        # with the image's.
        assert counters[0].frame_count == 1
        assert 1 <= counters[1].frame_count <= 3
    return [{name: float(value) for name, value in each.items()} for each in found]


@pytest.fixture(scope="module")
def plain() -> list[dict[str, float]]:
    return losses()


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        (("channels_last",), 1e-3),
        (("recompute",), 1e-3),
        (("compile", "channels_last"), 1e-3),
        (("bf16", "channels_last", "recompute"), 5e-2),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_speed_options_leave_the_losses_as_they_are(plain, options, tolerance, capsys):
    for expected, found in zip(plain, losses(*options), strict=True):
        assert found.keys() == expected.keys()
        named = {n: v for n, v in expected.items() if not n.startswith(("accuracy", "gradient"))}
        assert {n: found[n] for n in named} == pytest.approx(named, rel=tolerance, abs=1e-3)
    assert "not compiled" not in capsys.readouterr().err


def test_what_cannot_be_compiled_says_why_once_and_trains_as_it_is(capsys):
    """A backend that fails; and recomputing, whose replay no single graph holds."""

    def broken(*_: object) -> None:
        raise RuntimeError("no compiler here")

    critic = discriminator().train()
    compile_or_warn(critic, broken)
    for _ in range(2):
        critic(batch().L, batch().ab)
    model, again = generator(), generator()
    checkpoint_blocks(model)
    compile_or_warn(model, "eager")
    for _ in range(2):
        assert torch.equal(model(batch().L), again(batch().L))
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("MultiscaleDiscriminator is not compiled") == 1
    assert "no compiler here" in said
    assert said.count("UNet is not compiled") == 1
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), again.buffers(), strict=True))


def test_batchnorms_of_all_ranks_are_the_same_layers_with_the_same_weights(tiny: Config):
    networks = Networks(tiny, torch.device("cpu"), resumed=False)
    before = networks.tensors()
    count = sum(isinstance(m, nn.BatchNorm2d) for m in networks.generator.modules())
    with pytest.raises(GanColorError, match=r"run\.sync_batchnorm: found true on cpu"):
        networks._synchronize_batchnorm(torch.device("cpu"))
    networks._synchronize_batchnorm(torch.device("cuda"))
    kinds = [type(m) for m in networks.generator.modules() if isinstance(m, _BatchNorm)]
    assert len(kinds) == count > 10
    assert all(issubclass(kind, nn.SyncBatchNorm) for kind in kinds)
    after = networks.tensors()
    for name, tensors in before.items():
        assert tensors.keys() == after[name].keys()
        assert all(torch.equal(tensors[key], after[name][key]) for key in tensors)
    networks.ema.update(networks.generator, 6)
