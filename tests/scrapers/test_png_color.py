"""A PNG that says its colors by chunks keeps them through `clean`, `resize` and `pack`."""

import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_color.images import png_color as trainer_png_color
from gan_color.images.damage import BadImageError as TrainerError
from gan_color.images.open import open_image, to_srgb
from scrapers import manifest, png_color
from scrapers.clean.run import clean
from scrapers.errors import BadImageError
from scrapers.export.resize import resize
from scrapers.export.webdataset import pack
from tests.fakes.photographs import synthetic
from tests.helpers.image_files import file_bytes
from tests.images.test_decode import profile_named
from tests.images.test_png_color import P3, gamma, marked

CHROMATICITIES = struct.pack(">8I", *P3)
SAID = {
    "linear": {"gAMA": gamma(100_000)},
    "gamma 1.8": {"gAMA": gamma(55_556)},
    "P3 by cHRM": {"cHRM": CHROMATICITIES, "gAMA": gamma(45_455)},
    "P3 by cICP": {"cICP": bytes([12, 13, 0, 1])},
    "BT.2020": {"cICP": bytes([9, 1, 0, 1])},
    "sRGB": {"sRGB": b"\0", "gAMA": gamma(100_000)},
    "damaged": {"gAMA": gamma(0)},
    "PQ": {"cICP": bytes([9, 16, 0, 1])},
    "unknown": {"cICP": bytes([99, 13, 0, 1])},
}
CONVERTED = list(SAID)[:5]


def photo(mode: str = "RGB") -> Image.Image:
    return Image.open(io.BytesIO(synthetic(3, 200, 160, 95))).convert(mode)


def trained(data: bytes) -> np.ndarray:
    """What training sees of a file."""
    return np.asarray(to_srgb(open_image(io.BytesIO(data)))).astype(float)


def off(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).mean())


@pytest.fixture(params=CONVERTED)
def data(request: pytest.FixtureRequest) -> bytes:
    """A PNG whose chunks change its colors."""
    made = marked(file_bytes(photo(), "PNG"), **SAID[request.param])
    assert off(trained(made), np.asarray(photo()).astype(float)) > 5
    return made


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_both_packages_take_the_same_profile_from_the_chunks(tmp_path: Path, said, mode):
    path = tmp_path / "x.png"
    path.write_bytes(marked(file_bytes(photo(mode), "PNG"), **SAID[said]))
    found = []
    for reader, error in ((png_color, BadImageError), (trainer_png_color, TrainerError)):
        image = Image.open(path)
        try:
            reader.declare(image, path)
            found.append(image.info.get("icc_profile"))
        except error as wrong:
            found.append(str(wrong).removeprefix("unsupported: "))
    # A profile carries the time of its making, and nothing else that differs.
    ours, theirs = (x if isinstance(x, str) or x is None else (x[:24], x[36:]) for x in found)
    assert ours == theirs
    assert isinstance(ours, str) == (said in ("PQ", "unknown"))


def test_cleaned_colors_are_those_that_were_meant(tmp_path: Path, data: bytes):
    (tmp_path / "x.png").write_bytes(data)
    assert clean(tmp_path, write_report=False) == {"keep": 1}
    written = (tmp_path / "x.png").read_bytes()
    assert off(trained(written), trained(data)) < 1
    assert png_color.chunks(tmp_path / "x.png") == {}
    assert manifest.read(tmp_path)[0].reason == "icc"


@pytest.mark.parametrize("side", [80, 400])
def test_resized_colors_are_those_that_were_meant(tmp_path: Path, data: bytes, side: int):
    folder = dataset(tmp_path / "set", {"x.png": data})
    resize(folder, tmp_path / "small", side)
    found = trained((tmp_path / "small" / "x.png").read_bytes())
    meant = Image.fromarray(trained(data).astype(np.uint8))
    meant = meant.resize(found.shape[1::-1], Image.Resampling.LANCZOS)
    assert off(found, np.asarray(meant).astype(float)) < 2


@pytest.mark.parametrize("mixed", [True, False])
def test_packed_colors_are_those_that_were_meant(tmp_path: Path, data: bytes, mixed: bool):
    """Of a mixed dataset everything becomes JPEG, pictures with a profile too."""
    profiled = file_bytes(photo(), "PNG", icc_profile=profile_named("adobe"))
    files = {"x.png": data, "y.png": profiled} | ({"z.jpg": synthetic(1)} if mixed else {})
    folder = dataset(tmp_path / "set", files)
    pack(folder, tmp_path / "tars")
    with tarfile.open(tmp_path / "tars" / "train-00000.tar") as tar:
        packed = {name[0]: tar.extractfile(name).read() for name in tar.getnames()
                  if not name.endswith("json")}  # fmt: skip
    for name, meant in (("x", data), ("y", profiled)):
        assert packed[name].startswith(b"\xff\xd8") == mixed
        assert off(trained(packed[name]), trained(meant)) < 3


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA"])
def test_resizing_keeps_colors_of_every_mode(tmp_path: Path, mode: str):
    data = marked(file_bytes(photo(mode), "PNG"), gAMA=gamma(100_000))
    folder = dataset(tmp_path / "set", {"x.png": data})
    resize(folder, tmp_path / "small", 80)
    found = trained((tmp_path / "small" / "x.png").read_bytes())
    meant = Image.fromarray(trained(data).astype(np.uint8)).resize(found.shape[1::-1], 1)
    assert off(found, np.asarray(meant).astype(float)) < 3


def test_what_training_refuses_is_quarantined(tmp_path: Path):
    for name in ("PQ", "unknown"):
        data = marked(file_bytes(photo(), "PNG"), **SAID[name])
        (tmp_path / f"{name}.png").write_bytes(data)
    (tmp_path / "good.jpg").write_bytes(synthetic(1, 200, 160))
    assert clean(tmp_path, write_report=False) == {"keep": 1, "unsupported": 2}
    reasons = {row.id: row.reason for row in manifest.read(tmp_path)}
    assert reasons["PQ.png"] == "an HDR picture (PQ), expected SDR: convert it first"


def dataset(folder: Path, files: dict[str, bytes]) -> Path:
    """A dataset that was never cleaned."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    rows = [manifest.Row(name, name, sha256=f"{i}" * 64) for i, name in enumerate(files)]
    manifest.write(folder, rows)
    return folder
