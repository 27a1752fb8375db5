"""A static site: the page, the model and what runs it in a browser, for any file server.

The page is the server's own; `api.js`, which asks the server, is replaced by one that asks a
worker.
"""

import hashlib
import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_color.atomic import sync
from gan_color.color.ab_bins import ab_bins, bin_of_grid_point
from gan_color.console import console
from gan_color.errors import GanColorError
from gan_color.hub.model_card import model_card
from gan_color.hub.model_file import has_palettes, load_model, read_header
from gan_color.hub.pretrained import FOLDER as SHIPPED
from gan_color.hub.pretrained import terms_of
from gan_color.hub.strengths import strengths_of
from gan_color.images.encode import encode
from gan_color.inference.backends import load_backend
from gan_color.inference.onnx_model import OnnxColorizer, Parity, export_onnx
from gan_color.inference.pipeline import colorize_photo
from gan_color.models import registry
from gan_color.models.hints import PALETTE
from gan_color.web import examples, runtime
from gan_color.web.colorize import read_photo
from gan_color.web.limits import Limits

WEB = Path(__file__).parent
UNTRUSTED = re.compile(r"[^A-Za-z0-9._-]")  # what an address of a file would have to escape
# Whose terms ask nothing of who shows them: public domain and CC0.
EXAMPLES = ("camera", "coffee", "astronaut", "chelsea", "motorcycle_left", "rocket", "grace_hopper")
# A canvas of a browser holds less than a server: Safari's 16 million pixels on telephones.
LIMITS = {
    "upload_bytes": 100_000_000,
    "pixels": 50_000_000,
    "render": 1024,
    "formats": "JPEG, PNG, WebP and what else this browser shows",
}
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
# What the page says in the places that index.html marks.
WORDS = {
    "policy": f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
    "promise": "<p>Colorized in this browser: no photo leaves it. "
    '<span id="engine" role="status"></span></p>',
    "about": '<a href="about.txt">About the model</a>',
    "without": "Photos are colorized in the browser itself.",
}
MARK = re.compile(r"<!-- server: (\w+) -->.*?<!-- /server -->", re.DOTALL)
PROBE_SIDE, PROBE_PLACES = 64, 16
DECIMALS = 6  # of palettes, whose numbers are float16 in the model file


def check_folder(folder: Path) -> None:
    """GanColorError unless `folder` is free: not there, or empty."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        what = "a folder with files" if folder.is_dir() else "a file"
        raise GanColorError(
            f"web: found {what} at {str(folder)!r}, expected none there: choose another place, or "
            "delete it"
        )


def write_site(model: Path, folder: Path, package: Path) -> list[str]:
    """Write the site of a model file, whole or not at all; `package` is what `runtime.find` found.

    Returns what is to be told of it. Raises GanColorError: `folder` is not free, or is no place to
    write to; the model is none, or differs as ONNX.
    """
    check_folder(folder)
    part = folder.with_name(f".{folder.name}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        notes = _fill(part, model, package)
        for path in part.rglob("*"):
            sync(path)
        if folder.exists():
            folder.rmdir()  # it is empty, and not every system renames over that
        part.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise GanColorError(f"web: {str(folder)!r} cannot be written: {error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return notes


def _fill(site: Path, model: Path, package: Path) -> list[str]:
    header = read_header(model)
    shutil.copytree(WEB / "static", site / "static")
    shutil.copy(WEB / "site" / "api.js", site / "static")
    shutil.copytree(WEB / "site" / "engine", site / "static" / "engine")
    runtime.unpack(package, site / "runtime")
    shutil.copy(WEB / "site" / "onnxruntime-license.txt", site / "runtime" / "LICENSE.txt")
    page = (WEB / "static" / "index.html").read_text(encoding="utf-8")
    _write(site / "index.html", MARK.sub(lambda mark: WORDS[mark[1]], page))
    (site / "static" / "index.html").unlink()
    name = model.parent.name if model.stem == "model" else model.stem
    described, notes = _write_model(site / "model", model, name, header)
    names = _write_examples(site / "examples", model)
    content = {
        "limits": LIMITS,
        "models": [described],
        "examples": names,
        "bins": ab_bins().tolist(),
        "bin_of": bin_of_grid_point().tolist(),
    }
    _write(site / "site.json", json.dumps(content))
    _write(site / "about.txt", _about(model, notes))
    _write_service_worker(site)
    sizes = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    fetched = [runtime.FILES[each] for each in list(runtime.FILES)[2:]]
    once = sizes[site / "model" / described["file"]]
    once += sum(sizes[site / "runtime" / each] for each in fetched)
    notes.append(
        f"{len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB; a browser without WebGPU fetches "
        f"{once / 1e6:.1f} MB of them once"
    )
    return notes


def _write_model(
    folder: Path, model: Path, name: str, header: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The model as ONNX, and what the page knows of it, with what to tell of the comparison."""
    stem = UNTRUSTED.sub("_", name)
    file, palettes = f"{stem}.onnx", f"{stem}.palettes.json"
    varied = has_palettes(header)
    try:
        report = export_onnx(model, folder / file, half=True, content=varied)
        weights = "float16"
    except GanColorError as error:
        console.print(f"web: float16 does not do ({error}): float32, of twice the size, is taken")
        report, weights = export_onnx(model, folder / file, content=varied), "float32"
    if varied:
        _write_palettes(folder / palettes, model)
    described = {
        "name": name,
        "file": file,
        "architecture": header["name"],
        "paper": registry.model_class(header["name"]).paper,
        "bytes": (folder / file).stat().st_size,
        "variants": varied,
        "palettes": palettes if varied else "",
        **strengths_of(model, header),
        **_probe(folder / file),
    }
    worst: Parity = max(report, key=lambda row: row.largest)
    return described, [
        f"{file}: {described['bytes'] / 1e6:.1f} MB, {weights}; ab differs from PyTorch by "
        f"{worst.largest:.1e} at most, at {worst.width} x {worst.height} (1 is 110 of a* or b*)"
    ]


def _write_palettes(path: Path, model: Path) -> None:
    """The model's PaletteBank as JSON."""
    bank = load_model(model).palettes
    assert bank is not None
    both = {"contents": bank.contents, "shares": bank.shares}
    rounded = {name: x.double().numpy().round(DECIMALS).tolist() for name, x in both.items()}
    _write(path, json.dumps(rounded, separators=(",", ":")))


def _probe(file: Path) -> dict[str, Any]:
    """What the file takes, and some of its answer to a ramp of lightness: WebGPU is held to it."""
    backend = OnnxColorizer(file)
    steps = torch.arange(PROBE_SIDE) / PROBE_SIDE
    answer = backend.predict_ab((steps[None, :] - steps[:, None])[None, None]).flatten().numpy()
    places = np.linspace(0, answer.size - 1, PROBE_PLACES).astype(int)
    return {
        "stride": backend.stride,
        "hints": backend.takes_hints,
        "palette": PALETTE if backend.takes_palette else 0,
        "probe": {
            "side": PROBE_SIDE,
            "places": places.tolist(),
            "ab": [round(float(value), 5) for value in answer[places]],
        },
    }


def _write_examples(folder: Path, model: Path) -> list[str]:
    folder.mkdir()
    backend = load_backend(model)
    names = [name for name in EXAMPLES if name in examples.names()]
    for name in names:
        gray = examples.gray(name)
        (folder / f"{name}.jpg").write_bytes(gray)
        colorized = encode(colorize_photo(backend, read_photo(gray, Limits())), "JPEG")
        (folder / f"{name}-colorized.jpg").write_bytes(colorized)
    return names


def _about(model: Path, notes: list[str]) -> str:
    if not terms_of(model):
        return model_card(model, notes)
    return (SHIPPED / "README.md").read_text(encoding="utf-8")


def _write_service_worker(site: Path) -> None:
    """Its list is what the page is made of; its name changes with any byte of the site."""
    everything = sorted(path for path in site.rglob("*") if path.is_file())
    digest = hashlib.sha256(version("gan-color").encode())
    for path in everything:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    at_once = [
        path.relative_to(site).as_posix()
        for path in everything
        if path.parts[len(site.parts)] not in ("model", "runtime")
    ]
    text = (WEB / "site" / "service-worker.js").read_text(encoding="utf-8")
    text = text.replace('"@FILES@"', ", ".join(map(json.dumps, ["./", *at_once])))
    _write(site / "service-worker.js", text.replace("@NAME@", digest.hexdigest()[:16]))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
