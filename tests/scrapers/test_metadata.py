"""What leaves a dataset says nothing of places and owners, stands upright, and looks the same."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from gan_color.images import files as trainer_files
from gan_color.images.open import open_image
from scrapers import images, manifest
from scrapers.checks.inspect_image import inspect_image
from scrapers.checks.rules import Rules
from scrapers.clean.run import clean
from scrapers.export.resize import resize
from scrapers.export.split import split
from scrapers.export.webdataset import pack
from scrapers.images import read_rgb
from scrapers.metadata import stripped
from tests.fakes.photographs import synthetic

OWNER, GPS, ORIENTATION = 0xA430, 0x8825, 0x0112
SECRETS = (b"Ann Owner", b"Secret street", b"\x34\x12\x56\x78 place")
KINDS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "MPO"]


def picture(kind: str, turn: int = 1, seed: int = 1) -> bytes:
    """A file whose EXIF, XMP and comments name its owner and place."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif")
    image = Image.open(io.BytesIO(synthetic(seed, 200, 160))).convert("RGB")
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    exif[0x013B] = "Ann Owner"
    exif.get_ifd(0x8769)[OWNER] = "Ann Owner"
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (1.0, 2.0, 3.0)
    options: dict = {"exif": exif, "quality": 95}
    if kind in ("JPEG", "WEBP"):
        options["xmp"] = b"<x:xmpmeta>Secret street</x:xmpmeta>"
    if kind == "JPEG":
        options["comment"] = b"Secret street"
    if kind == "MPO":
        options |= {"save_all": True, "append_images": [image]}
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def owner(data: bytes) -> list[object]:
    exif = Image.open(io.BytesIO(data)).getexif()
    found = [dict(exif.get_ifd(GPS)), exif.get_ifd(0x8769).get(OWNER), exif.get(0x013B)]
    found += [secret for secret in SECRETS if secret in data]
    return [value for value in found if value]


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_owner_stays_and_nothing_of_the_picture_goes(tmp_path, kind, turn):
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(picture(kind, turn))
    assert owner(path.read_bytes())
    (tmp_path / "b").write_bytes(stripped(path))
    assert owner((tmp_path / "b").read_bytes()) == []
    assert np.array_equal(read_rgb(tmp_path / "b"), read_rgb(path))
    assert (tmp_path / "b").stat().st_size < path.stat().st_size + 32


def test_a_color_profile_stays(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        path = tmp_path / f"a.{kind.lower()}"
        Image.open(io.BytesIO(synthetic(1))).convert("RGB").save(path, kind, icc_profile=profile)
        found = Image.open(io.BytesIO(stripped(path)))
        assert found.info["icc_profile"] == profile


@pytest.fixture
def dataset(tmp_path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for i, kind in enumerate(("JPEG", "PNG", "WEBP")):
        (folder / f"{i}.{kind.lower()}").write_bytes(picture(kind, 6, seed=i))
    rows = [
        manifest.Row(p.name, p.name, sha256=f"{i}" * 64)
        for i, p in enumerate(sorted(folder.iterdir()))
    ]
    manifest.write(folder, rows)
    return folder


@pytest.mark.parametrize("short_side", [80, 400])
def test_copies_and_shards_are_upright_and_anonymous_without_clean(dataset, tmp_path, short_side):
    resize(dataset, tmp_path / "small", short_side)
    pack(dataset, tmp_path / "tars")
    files = [p.read_bytes() for p in (tmp_path / "small").iterdir() if images.is_image_file(p)]
    with tarfile.open(tmp_path / "tars" / "train-00000.tar") as tar:
        names = tar.getnames()
        files += [tar.extractfile(name).read() for name in names if not name.endswith("json")]
    assert len(files) == 6
    for data in files:
        assert owner(data) == []
        (tmp_path / "one").write_bytes(data)
        height, width = read_rgb(tmp_path / "one").shape[:2]
        assert height > width  # turned, as EXIF says
    # Mixed formats are packed as one, with the same members for every picture.
    assert {name.partition(".")[2] for name in names} == {"jpg", "json"}
    kept = manifest.read(tmp_path / "small")
    assert len(kept) == 3
    resize(dataset, tmp_path / "small", short_side, keep_metadata=True)
    assert owner((tmp_path / "small" / kept[0].file).read_bytes())


def test_turned_copies_of_a_picture_are_duplicates(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    turns = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 6: "ROTATE_90",
             8: "ROTATE_270"}  # fmt: skip
    for turn, undo in turns.items():
        upright = Image.open(io.BytesIO(synthetic(turn, 200, 160))).convert("RGB")
        upright.save(folder / f"{turn}_upright.jpg", quality=95)
        exif = Image.Exif()
        exif[ORIENTATION] = turn
        stored = upright.transpose(getattr(Image.Transpose, undo))
        stored.save(folder / f"{turn}_stored.jpg", exif=exif, quality=95)
        hashes = [
            inspect_image(folder, f"{turn}_{how}.jpg", Rules()).hashes[0]
            for how in ("upright", "stored")
        ]
        assert (hashes[0] ^ hashes[1]).bit_count() <= 2
    assert clean(folder) == {"keep": 5, "duplicate-of": 5}
    split(folder, 0.4)
    assert len(list((folder / "images").rglob("*.jpg"))) == 5


def test_both_packages_read_the_same_files(tmp_path):
    assert images.SUFFIXES == trainer_files.SUFFIXES
    jpeg = synthetic(1, 200, 160)
    names = ["a.jpg", "a.JPE", "a.jfif", "a.JFIF", "a", "a.backup", "a.jpg.part1", "a.tif"]
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(jpeg + bytes([i]))
    for kind in ("AVIF", "HEIF"):
        (tmp_path / f"b.{kind.lower()}").write_bytes(picture(kind))
    assert open_image(tmp_path / "b.heif", decode=False).format == "HEIF"
    trained = {path.name for path in trainer_files.find_images(tmp_path)}
    kept = clean(tmp_path, dry_run=True)
    assert {row.file for row in manifest.read(tmp_path)} == trained
    assert len(trained) == kept.total() == 8
    assert trained >= {"a", "a.JPE", "a.jfif", "b.heif"}
    text = (tmp_path / "manifest.jsonl").read_text()
    assert all(json.loads(line)["width"] for line in text.splitlines())
