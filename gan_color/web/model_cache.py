"""The model files of a folder: scanned on every request, loaded when first used."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError

from gan_color.errors import GanColorError
from gan_color.hub.model_file import has_palettes, read_header
from gan_color.hub.strengths import Strengths, strengths_of
from gan_color.inference.backends import load_backend, provenance
from gan_color.inference.chroma_model import ChromaModel
from gan_color.models import registry
from gan_color.options import explain
from gan_color.web.answer_memory import RememberingModel

# Identifies a file's content, so that a replaced file is loaded again: path, size, mtime.
Version = tuple[Path, int, int]


@dataclass(frozen=True)
class ModelFile:
    """One usable model file."""

    name: str
    version: Version
    architecture: str
    takes_hints: bool
    has_variants: bool
    strengths: Strengths

    def describe(self) -> dict[str, Any]:
        """What the API publishes of it; the training record stays private."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "paper": registry.model_class(self.architecture).paper,
            "bytes": self.version[1],
            "hints": self.takes_hints,
            "variants": self.has_variants,
            **self.strengths,
        }


class Loaded(NamedTuple):
    """A model in memory, and the provenance note for the images it colorized."""

    model: ChromaModel
    note: str


class ModelCache:
    """Models by name: `FOLDER/NAME.safetensors`, or a run's `FOLDER/NAME/model.safetensors`,
    followed by the files of `extra`.

    At most `max_models` are in memory; the least recently used one is dropped.
    """

    def __init__(self, folder: Path, device: torch.device, max_models: int) -> None:
        self.folder, self.device, self.max_models = folder, device, max_models
        self.extra: tuple[Path, ...] = ()
        self._known: dict[Version, ModelFile | str] = {}
        self._loaded: OrderedDict[Version, Loaded] = OrderedDict()
        self._scanning, self._loading = Lock(), Lock()

    def _scan(self) -> list[ModelFile | str]:
        """Every candidate: a model, or the reason why it is not usable."""
        found: dict[Version, ModelFile | str] = {}
        names: set[str] = set()
        with self._scanning:
            paths = sorted(self.folder.glob("*.safetensors"))
            paths += sorted(self.folder.glob("*/model.safetensors"))
            for path in (*paths, *self.extra):
                in_a_run = path.parent.parent == self.folder and path not in self.extra
                name = path.parent.name if in_a_run else path.stem
                name = f"{name}/model" if name in names else name
                names.add(name)
                try:
                    status = path.stat()
                except OSError:  # deleted during the scan
                    continue
                version = (path, status.st_size, status.st_mtime_ns)
                found[version] = self._known.get(version) or _examine(name, version)
            self._known = found
        return list(found.values())

    def files(self) -> dict[str, ModelFile]:
        """Every usable model file by name."""
        return {file.name: file for file in self._scan() if isinstance(file, ModelFile)}

    def unusable(self) -> list[str]:
        """The reason for each file that is named like a model and is not usable."""
        return [reason for reason in self._scan() if isinstance(reason, str)]

    def find(self, name: str | None) -> ModelFile:
        """The model of that name, or the first one; GanColorError lists the available ones."""
        files = self.files()
        if not files:
            raise GanColorError("model: found none on the server, add a .safetensors file")
        if name is None:
            return next(iter(files.values()))
        if name not in files:
            raise GanColorError(f"model: found {name[:100]!r}, expected one of {', '.join(files)}")
        return files[name]

    def load(self, file: ModelFile) -> Loaded:
        """The model, from memory if it is there; one is loaded at a time."""
        with self._loading:
            found = self._loaded.pop(file.version, None)
            if found is None:
                while len(self._loaded) >= self.max_models:
                    self._loaded.popitem(last=False)
                path = file.version[0]
                model = RememberingModel(load_backend(path, str(self.device)))
                found = Loaded(model, provenance(path))
            self._loaded[file.version] = found
            return found


def _examine(name: str, version: Version) -> ModelFile | str:
    try:
        header = read_header(version[0])
        architecture = header["name"]
        options = registry.parse_options(architecture, header["options"])
        strengths = strengths_of(version[0], header)
    except GanColorError as error:
        return str(error)
    except ValidationError as error:
        kind = registry.model_class(architecture).Options
        return explain(error, kind, str(version[0]))
    return ModelFile(
        name, version, architecture, options.takes_hints, has_palettes(header), strengths
    )
