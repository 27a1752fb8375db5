"""The model files of a folder: found anew at every look, loaded when first asked for."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import torch

from gan_color.errors import GanColorError
from gan_color.hub.model_file import read_header
from gan_color.inference.backends import load_backend, provenance
from gan_color.inference.pipeline import ChromaModel
from gan_color.models import registry

# A file that was replaced is another one: path, size, time of its last change.
Version = tuple[Path, int, int]


@dataclass(frozen=True)
class ModelFile:
    """One usable model file."""

    name: str
    version: Version
    architecture: str

    def describe(self) -> dict[str, Any]:
        """What a visitor may know of it; the record of its training stays with the owner."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "paper": registry.model_class(self.architecture).paper,
            "bytes": self.version[1],
        }


class Loaded(NamedTuple):
    """A model in memory, and the note that pictures it coloured carry."""

    model: ChromaModel
    note: str


class ModelLibrary:
    """Models by name: `FOLDER/NAME.safetensors`, or a run's `FOLDER/NAME/model.safetensors`, and
    after them `further` files.

    At most `keep` of them are in memory; the one unused for longest goes first.
    """

    def __init__(self, folder: Path, device: torch.device, keep: int) -> None:
        self.folder, self.device, self.keep = folder, device, keep
        self.further: tuple[Path, ...] = ()
        self._known: dict[Version, ModelFile | str] = {}
        self._loaded: OrderedDict[Version, Loaded] = OrderedDict()
        self._scanning, self._loading = Lock(), Lock()

    def _scan(self) -> list[ModelFile | str]:
        """Every candidate: a model, or a sentence that says why it is none."""
        found: dict[Version, ModelFile | str] = {}
        names: set[str] = set()
        with self._scanning:
            paths = sorted(self.folder.glob("*.safetensors"))
            paths += sorted(self.folder.glob("*/model.safetensors"))
            for path in (*paths, *self.further):
                in_a_run = path.parent.parent == self.folder and path not in self.further
                name = path.parent.name if in_a_run else path.stem
                name = f"{name}/model" if name in names else name
                names.add(name)
                try:
                    status = path.stat()
                except OSError:  # it went away while we looked
                    continue
                version = (path, status.st_size, status.st_mtime_ns)
                found[version] = self._known.get(version) or _examine(name, version)
            self._known = found
        return list(found.values())

    def files(self) -> dict[str, ModelFile]:
        """Every usable model file by name."""
        return {file.name: file for file in self._scan() if isinstance(file, ModelFile)}

    def unusable(self) -> list[str]:
        """A sentence for each file that looks like a model and is none."""
        return [reason for reason in self._scan() if isinstance(reason, str)]

    def find(self, name: str | None) -> ModelFile:
        """The model of that name, or the first one; GanColorError names those there are."""
        files = self.files()
        if not files:
            raise GanColorError("model: the server has none at the moment")
        if name is None:
            return next(iter(files.values()))
        if name not in files:
            raise GanColorError(f"model: found {name[:100]!r}, expected one of {', '.join(files)}")
        return files[name]

    def load(self, file: ModelFile) -> Loaded:
        """The model itself, from memory where it is there; one is loaded at a time."""
        with self._loading:
            found = self._loaded.pop(file.version, None)
            if found is None:
                while len(self._loaded) >= self.keep:
                    self._loaded.popitem(last=False)
                path = file.version[0]
                found = Loaded(load_backend(path, str(self.device)), provenance(path))
            self._loaded[file.version] = found
            return found


def _examine(name: str, version: Version) -> ModelFile | str:
    try:
        architecture = read_header(version[0])["name"]
        registry.model_class(architecture)
    except GanColorError as error:
        return str(error)
    return ModelFile(name, version, architecture)
