"""torch.compile: one graph a network whatever the size, the same training, or a reason why not."""

import pytest
import torch
from test_steps import FP32, batch, discriminator, generator, stage, updater
from torch import nn
from torch._dynamo.testing import CompileCounter

from gan_color.training.compiling import compile_or_say_why
from gan_color.training.precision import Precision
from gan_color.training.recompute import recompute_blocks
from gan_color.training.steps import AdversarialStep

SIZES = (64, 96, 128)


@pytest.fixture(autouse=True)
def _forget_graphs():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def losses(*options: str) -> list[dict[str, float]]:
    """Of two adversarial updates, with speed options on."""
    model, judge = generator("both"), discriminator()
    if "channels_last" in options:
        for module in (model, judge):
            module.to(memory_format=torch.channels_last)
    if "recompute" in options:
        recompute_blocks(model)
    if "compile" in options:
        for module in (model, judge):
            compile_or_say_why(module, "eager")
    precision = Precision("bf16", torch.device("cpu")) if "bf16" in options else FP32
    step = AdversarialStep(model, judge, updater(model), updater(judge), precision, stage())
    step.train_mode()
    found = [step(batch(size=64)) for _ in range(2)]
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


def test_a_recomputed_generator_says_that_it_is_not_compiled(capsys):
    model = generator("both").train()
    recompute_blocks(model)
    compile_or_say_why(model, "eager")
    model(batch(size=64).L)
    assert "UNet is not compiled" in capsys.readouterr().err


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_one_graph_serves_every_size(network: str):
    counter = CompileCounter()
    if network == "generator":
        module: nn.Module = generator("both").train()
        inputs = [(torch.rand(2, 1, size, size),) for size in SIZES]
    else:
        module = discriminator().train()
        inputs = [(torch.rand(2, 1, s, s), torch.rand(2, 2, s, s)) for s in SIZES]
    module.compile(backend=counter, fullgraph=True, dynamic=True)
    for each in inputs:
        module(*each)
    assert counter.frame_count == 1


def test_what_cannot_be_compiled_says_why_once_and_trains_as_it_is(capsys):
    def broken(*_: object) -> None:
        raise RuntimeError("no compiler here")

    torch.manual_seed(0)
    module, again = generator().train(), generator().train()
    compile_or_say_why(module, broken)
    for _ in range(2):
        L = batch().L
        assert torch.equal(module(L), again(L))
    said = capsys.readouterr().err
    assert said.count("UNet is not compiled") == 1
    assert "no compiler here" in " ".join(said.split())
    assert all(torch.equal(a, b) for a, b in zip(module.buffers(), again.buffers(), strict=True))
