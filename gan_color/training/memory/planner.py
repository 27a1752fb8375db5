"""`gan-color plan`: what batch fits a card, found by counting the bytes of a training step.

The step runs on fake tensors, which have shapes and no values: whatever is allocated and freed is
counted, nothing is computed, and no card is needed. What a card takes besides (its context, the
workspaces of its libraries, fragmentation) is not seen, so a share of it is left alone.
"""

import weakref
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from gan_color.config.schema import Config
from gan_color.config.stages import DiscriminatorStage, Stage, SupervisedStage
from gan_color.models import registry
from gan_color.models.base import Batch
from gan_color.models.discriminators import create_discriminator
from gan_color.models.hints import Hints
from gan_color.training.amp import Kind, Precision
from gan_color.training.builders import build_step
from gan_color.training.memory.activation_checkpointing import checkpoint_blocks

MIB = 2**20
USABLE = 0.9375  # of a card: 15 of 16 GiB
# Batches whose peaks give the slope. Where few images are held, the optimizers' update is the
# peak, which no batch changes: the smaller one must be past that.
PROBES = (16, 32)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes that tensors made inside occupy: `live` now, `peak` at most."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        tree_map_only(Tensor, self._count, made)
        return made

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


@dataclass(frozen=True)
class Footprint:
    """Memory of a stage's step: `fixed` bytes whatever the batch, and `per_image`."""

    fixed: float
    per_image: float

    def images(self, card: int) -> int:
        """The largest batch within the usable share of a card of so many bytes; 0: none."""
        return max(0, int((card * USABLE - self.fixed) // self.per_image))


def footprint(
    config: Config, stage: Stage, kind: Kind, size: int, checkpointing: bool
) -> Footprint:
    """Count a stage's step at `size` pixels: networks, EMA, optimizers, activations, gradients.

    A perceptual loss is counted too, and its weights are not looked for.
    """
    small, large = PROBES
    low, high = _peaks(config, stage, kind, size, checkpointing, PROBES)
    per_image = (high - low) / (large - small)
    return Footprint(fixed=low - small * per_image, per_image=per_image)


def _peaks(
    config: Config,
    stage: Stage,
    kind: Kind,
    size: int,
    checkpointing: bool,
    counts: tuple[int, ...],
) -> list[float]:
    """The peaks of steps with batches of so many images, in bytes."""
    found = []
    bytes_ = LiveBytes()
    with FakeTensorMode(allow_non_fake_inputs=True), bytes_:
        options = {key: value for key, value in config.model.items() if key != "name"}
        name = config.model["name"]
        parsed = registry.parse_options(name, options).for_inference()
        generator = registry.model_class(name)(parsed)
        ema = [value.clone() for value in generator.state_dict().values()]
        if checkpointing:
            checkpoint_blocks(generator)
        discriminator = None
        if not isinstance(stage, SupervisedStage):
            discriminator = create_discriminator(config.discriminator, skip_weights=True)
        for network in (generator, discriminator):
            _use_channels_last(network)
        precision = Precision(kind, torch.device("cpu"))
        whole = stage.model_copy(update={"batch_size": counts[0], "grad_accum_steps": 1})
        step, _ = build_step(
            whole, generator, discriminator, precision, channels_last=True, skip_weights=True
        )
        step.train()
        hinted = not isinstance(stage, DiscriminatorStage) and stage.hints is not None
        step(_batch(counts[0], size, hinted))  # from here on the optimizers have their state
        for count in counts:
            batch = _batch(count, size, hinted)
            bytes_.peak = bytes_.live
            step(batch)
            del batch
            found.append(float(bytes_.peak))
        del ema
    return found


def _batch(count: int, size: int, hinted: bool) -> Batch:
    rgb = torch.zeros(count, 3, size, size, dtype=torch.uint8)
    batch = Batch.from_rgb8(rgb, torch.zeros(count), channels_last=True)
    hints = Hints(torch.zeros_like(batch.ab), torch.zeros_like(batch.L))
    return replace(batch, hints=hints) if hinted else batch


def _use_channels_last(network: nn.Module | None) -> None:
    """What Module.to(memory_format=...) does, which fake weights refuse."""
    for weight in network.parameters() if network is not None else ():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def plan_stages(
    config: Config, card: int, sizes: tuple[int, ...], kind: Kind
) -> list[dict[str, Any]]:
    """For each stage that differs in cost, and each size: what fits, plain and checkpointed.

    Keys: stage, size, activation_checkpointing, fixed_mib, per_image_mib, images (that fit),
    batch_size (configured), advice (in words: fits, or the grad_accum_steps that make it fit).
    """
    rows: list[dict[str, Any]] = []
    seen = set()
    for stage in config.stages:
        for size in sizes or (stage.size,):
            frozen = not isinstance(stage, DiscriminatorStage) and stage.freeze_encoder
            if (stage.kind, size, frozen) in seen:
                continue
            seen.add((stage.kind, size, frozen))
            for checkpointing in (False, True):
                if checkpointing and isinstance(stage, DiscriminatorStage):
                    continue  # its generator keeps nothing
                found = footprint(config, stage, kind, size, checkpointing)
                images = found.images(card)
                rows.append(
                    {
                        "stage": stage.name,
                        "size": size,
                        "activation_checkpointing": checkpointing,
                        "fixed_mib": round(found.fixed / MIB),
                        "per_image_mib": round(found.per_image / MIB, 1),
                        "images": images,
                        "batch_size": stage.batch_size,
                        "advice": _advice(stage, images),
                    }
                )
    return rows


def _advice(stage: Stage, images: int) -> str:
    if stage.batch_size == "auto":
        return "takes what fits"
    batch = stage.batch_size
    if batch <= images:
        return "fits"
    parts = [n for n in range(2, batch + 1) if batch % n == 0 and batch // n <= images]
    return f"fits with grad_accum_steps: {parts[0]}" if parts else "does not fit"
