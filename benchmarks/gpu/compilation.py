"""torch.compile and CUDA graphs: what works, what the first step costs, and what it gains."""

import statistics
from collections.abc import Callable
from functools import partial

import torch

from benchmarks.gpu.settings import Measurement, Settings
from benchmarks.harness import Row
from benchmarks.step import Built, build, peak_memory, times
from gan_color.training.networks import Networks

Update = Callable[[], object]


def measurements(settings: Settings) -> dict[str, Measurement]:
    """Each way for the network that is trained, and for short steps of the smallest one."""
    large = settings.batches[len(settings.batches) // 2]
    steps = {
        (settings.presets[0], *large): WAYS,
        (settings.presets[-1], *settings.short): WAYS[:3],
    }
    return {
        f"{preset}, {size} px, batch {batch}, {name}": partial(
            measure, settings, preset, size, batch, name
        )
        for (preset, size, batch), ways in steps.items()
        for name in ways
    }


WAYS = ("CUDA graph of the step", "run.compile", "reduce-overhead", "compiled for one size")


def measure(
    settings: Settings, preset: str, size: int, batch: int, way: str, _: float
) -> list[Row]:
    """Seconds of a step as it is, then in that way, in one process; raises where it fails."""
    plain, _, _ = _timed(settings, preset, size, batch, None)
    seconds, first, peak = _timed(settings, preset, size, batch, way)
    return [
        {
            "way": way,
            "preset": preset,
            "size": size,
            "batch_size": batch,
            "first_step_seconds": round(first, 1),
            "seconds": round(seconds, 4),
            "images_per_second": round(batch / seconds, 1),
            "times_faster": round(plain / seconds, 2),
            "peak_mib": round(peak),
        }
    ]


def _timed(
    settings: Settings, preset: str, size: int, batch: int, way: str | None
) -> tuple[float, float, float]:
    """(median seconds, seconds of the first step, peak MiB)."""
    place = settings.place
    if place.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place)
    built = build(settings.entry(preset, size, batch, "auto"), place)
    update: Update = built.update
    if way == "run.compile":
        compile_networks(built.networks, settings.rehearsal, dynamic=True)
    elif way == "reduce-overhead":
        compile_networks(built.networks, settings.rehearsal, dynamic=False, mode="reduce-overhead")
        update = partial(_in_a_new_graph_generation, built.update)
    elif way == "compiled for one size":
        compile_networks(built.networks, settings.rehearsal, dynamic=False)
    first = times(update, place, 1)[0]
    if way == "CUDA graph of the step":
        update = capture(built, place)
    seconds = statistics.median(times(update, place, settings.repeats + 2)[2:])
    return seconds, first, peak_memory(place)


def compile_networks(
    networks: Networks, rehearsal: bool, dynamic: bool, mode: str | None = None
) -> None:
    """As `run.compile` does (`dynamic`, no mode), but a network that cannot be compiled raises.

    A rehearsal only goes the way: compiled networks run as they are, which saves minutes.
    """
    torch.compiler.reset()  # graphs of earlier networks count toward the limit of recompilations
    torch.compiler.set_stance("force_eager" if rehearsal else "default")
    for module in (networks.generator, networks.discriminator):
        if module is not None:
            module.compile(dynamic=dynamic, mode=mode, fullgraph=True)


def _in_a_new_graph_generation(update: Update) -> None:
    torch.compiler.cudagraph_mark_step_begin()
    update()


def capture(built: Built, place: torch.device) -> Update:
    """A whole step, optimizers included, as one CUDA graph: what replays it.

    Off CUDA there are none, and the step itself stands for it. fp16 cannot be captured: its scaler
    asks the device whether gradients are finite.
    """
    if place.type != "cuda":
        return built.update
    for optimizer in built.optimizers.values():
        for group in optimizer.optimizer.param_groups:
            group["capturable"] = True
    side = torch.cuda.Stream(place)
    side.wait_stream(torch.cuda.current_stream(place))
    with torch.cuda.stream(side):
        for _ in range(3):
            built.update()
    torch.cuda.current_stream(place).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        built.update()
    return graph.replay
