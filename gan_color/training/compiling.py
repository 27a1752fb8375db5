"""torch.compile, where it works: one graph a network, for any size."""

from typing import Any

from torch import nn

from gan_color.console import console


def compile_or_say_why(module: nn.Module, backend: Any = "inductor") -> None:
    """Compile a module in place, sizes left open; the first failure is said, and ends it.

    A graph is made before any of it runs, so that what failed to compile is simply run uncompiled:
    no running statistic or singular vector has moved.
    """
    module.compile(backend=backend, dynamic=True, fullgraph=True)
    compiled: Any = module._compiled_call_impl

    def call(*inputs: Any) -> Any:
        from torch._dynamo.exc import TorchDynamoException

        try:
            return compiled(*inputs)
        except TorchDynamoException as error:
            module._compiled_call_impl = None
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = " ".join(lines[:2])  # what failed, and what it raised
            console.print(
                f"run.compile: {type(module).__name__} is not compiled, and trains as it is: "
                f"{type(error).__name__}: {reason}",
                markup=False,
            )
        return module(*inputs)

    module._compiled_call_impl = call
