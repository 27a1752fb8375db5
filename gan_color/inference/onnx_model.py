"""Colorizers as ONNX: export, a check against PyTorch, and ONNX Runtime in PyTorch's place (CPU).

The file takes L [B, 1, H, W] and gives ab [B, 2, H, W], both -1..1, for any B and for H and W that
are multiples of the stride that its metadata names. Where the model takes hints, they are three
more inputs: hint_ab [B, 2, H, W], hint_mask [B, 1, H, W] and hint_palette [B, 316], all 0 where
there are none. Options and training record travel with it.
"""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gan_color.atomic import atomic_write
from gan_color.color.lab import AB_SCALE
from gan_color.errors import GanColorError
from gan_color.hub.model_file import HEADER_KEY, load_model, read_header
from gan_color.models.base import NO_HINTS, Colorizer, pad_to_multiple
from gan_color.models.hints import PALETTE, Hints

OPSET = 17
INPUTS = {"L": 1, "hint_ab": 2, "hint_mask": 1}  # channels of each
PALETTE_INPUT = "hint_palette"
CONTENT = "content"  # output that variants go by
HINTED = 0.01  # share of pixels that the comparison tells
PARITY_SIZES = ((64, 64), (96, 160), (256, 256), (224, 352))
TOLERANCE = 1e-3  # of ab, where 1 is 110 of a* or b*: an eighth of what an eye tells apart
HALF_TOLERANCE = 1 / AB_SCALE / 2**0.5  # a difference of 1 (Delta E 1976) where both are off by it
HALVED = 1024  # numbers from which a tensor is worth it


def _need(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise GanColorError(f"onnx: needs {name}: pip install 'gan-color[onnx]'") from None


class _Whole(nn.Module):
    """L in, and hints where it takes them, ab out: what colorize() does to a padded photo; with
    `content`, what variants go by too.
    """

    def __init__(self, model: Colorizer, content: bool) -> None:
        super().__init__()
        self.model, self.content = model, content

    def forward(self, L: Tensor, *hints: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        ab = self.model.forward_ab(L, Hints(*hints) if hints else None)
        return (ab, self.model.content(L)) if self.content else ab


@dataclass(frozen=True)
class Parity:
    """How far ONNX Runtime is from PyTorch at one size: the largest and the mean |Δab|."""

    height: int
    width: int
    largest: float
    mean: float


def export_onnx(
    source: Path, target: Path, half: bool = False, content: bool = False
) -> list[Parity]:
    """Write a model file as ONNX, whole or not at all, and compare the two at several sizes.

    With `half` weights are stored as float16, half as many bytes; what runs the file computes in
    float32 as before. With `content` there is one more output of that name, [B, C], which a model
    with palettes chooses among them by. Raises GanColorError where they differ by more than 0.001
    of ab, with `half` by more than 1 of a Delta E, and then nothing is written.
    """
    onnx = _need("onnx")
    header = read_header(source)
    model = load_model(source)
    shape = (2 * model.stride, 3 * model.stride)
    channels = INPUTS if model.takes_hints else {"L": INPUTS["L"]}
    inputs = {name: torch.zeros(2, count, *shape) for name, count in channels.items()}
    axes = {name: {0: "batch", 2: "rows", 3: "columns"} for name in (*inputs, "ab")}
    outputs = ["ab", CONTENT] if content else ["ab"]
    if content:
        axes[CONTENT] = {0: "batch"}
    if model.takes_palette:
        inputs[PALETTE_INPUT] = torch.zeros(2, PALETTE)
        axes[PALETTE_INPUT] = {0: "batch"}
    with atomic_write(target) as part:
        with warnings.catch_warnings():
            # It warns that a trace knows one size only: true of what the comparison below tries.
            warnings.simplefilter("ignore")
            # torch.export's way (dynamo) took minutes over the sizes of a U-Net, torch 2.15.
            torch.onnx.export(
                _Whole(model, content).eval(),
                tuple(inputs.values()),
                str(part),
                input_names=list(inputs),
                output_names=outputs,
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        proto = onnx.load(str(part))
        if half:
            _halve(proto)
        properties = {HEADER_KEY: json.dumps({**header, "stride": model.stride})}
        onnx.helper.set_model_props(proto, properties)
        onnx.save(proto, str(part))
        report = compare(model, OnnxColorizer(part))
        worst = max(row.largest for row in report)
        most = HALF_TOLERANCE if half else TOLERANCE
        if not worst <= most:  # where it is no number, too
            raise GanColorError(
                f"onnx: {target} differs from PyTorch by {worst:.2g}, expected {most:.2g} at most"
            )
    return report


def _halve(proto: Any) -> None:
    """Store large weights as float16, and cast them to float32 where the file is run: runtimes do
    that once, when they load it.
    """
    onnx = _need("onnx")
    graph, casts = proto.graph, []
    for weight in graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size >= HALVED:
            name = weight.name
            # What is too large becomes infinite, which the comparison finds.
            with np.errstate(over="ignore"):
                small = values.astype(np.float16)
            weight.CopyFrom(onnx.numpy_helper.from_array(small, f"{name}_half"))
            to = onnx.TensorProto.FLOAT
            casts.append(onnx.helper.make_node("Cast", [weight.name], [name], to=to))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def compare(model: Colorizer, other: "OnnxColorizer") -> list[Parity]:
    """Both on the same random lightness (seed 0) at each of PARITY_SIZES, odd sizes included, with
    random hints where they take them.
    """
    generator = torch.Generator().manual_seed(0)
    report = []
    for height, width in (*PARITY_SIZES, (101, 77)):
        L = torch.rand(1, 1, height, width, generator=generator) * 2 - 1
        hints = None
        if model.takes_hints:
            places = torch.rand(1, 1, height, width, generator=generator)
            hints = Hints(
                torch.rand(1, 2, height, width, generator=generator) - 0.5,
                (places < HINTED).float(),
                torch.rand(1, PALETTE, generator=generator),
            )
        difference = (model.predict_ab(L, hints) - other.predict_ab(L, hints)).abs()
        report.append(Parity(height, width, float(difference.max()), float(difference.mean())))
    return report


class OnnxColorizer:
    """An ONNX file in a Colorizer's place. Raises GanColorError for a file that is none of ours."""

    device = torch.device("cpu")
    palettes = None  # the file gives chroma alone

    def __init__(self, path: Path) -> None:
        runtime = _need("onnxruntime")
        if not path.is_file():
            raise GanColorError(f"model: found no file {str(path)!r}, expected a model.onnx")
        try:
            self.session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            metadata = self.session.get_modelmeta().custom_metadata_map
            self.stride = int(json.loads(metadata[HEADER_KEY])["stride"])
            names = [each.name for each in self.session.get_inputs()]
            self.takes_hints = set(INPUTS) <= set(names)
            self.takes_palette = PALETTE_INPUT in names
        except KeyError:
            raise GanColorError(
                f"model: {path} carries no gan_color header, "
                "expected a file that `gan-color export --onnx` wrote"
            ) from None
        except Exception as error:  # ONNX Runtime's own errors share no other base
            detail = " ".join(str(error).split())[:300]
            raise GanColorError(f"model: {path} is not a readable ONNX file: {detail}") from None

    def predict_ab(self, L: Tensor, hints: Hints | None = None) -> Tensor:
        """ab [B, 2, H, W] float32 for L [B, 1, H, W] of any size: see Colorizer.predict_ab.

        Raises GanColorError for hints to a file that takes none.
        """
        height, width = L.shape[-2:]
        padded = pad_to_multiple(L.float(), self.stride)
        inputs = {"L": padded.numpy()}
        if hints is not None and not self.takes_hints:
            raise GanColorError(NO_HINTS)
        if self.takes_hints:
            hints = (hints or Hints.none(L)).pad_to_multiple(self.stride)
            palette = L.new_zeros(len(L), PALETTE) if hints.palette is None else hints.palette
            told = dict(zip(list(INPUTS)[1:], (hints.ab, hints.mask), strict=True))
            if self.takes_palette:
                told[PALETTE_INPUT] = palette
            inputs |= {name: x.float().numpy() for name, x in told.items()}
        ab = torch.from_numpy(self.session.run(["ab"], inputs)[0])
        return ab[..., :height, :width]

    def content(self, L: Tensor) -> Tensor:
        """Nobody asks, since there are no palettes."""
        raise NotImplementedError

    def scenes(self, L: Tensor) -> list[dict[str, float]]:
        """Nothing: the file gives chroma alone. See Colorizer.scenes."""
        return [{} for _ in L]
