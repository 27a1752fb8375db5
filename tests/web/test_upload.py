"""Uploads that are not usable photos are refused and do no harm."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from gan_color.web import colorize
from gan_color.web.app import create_app
from tests.helpers.web_photos import LIMITS, photo, post_photo, write_models


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    folder = write_models(tmp_path_factory.mktemp("models"))
    return TestClient(create_app(folder, "cpu", LIMITS, page=False))


def test_a_body_without_a_content_length_is_cut_off_at_the_limit(client):
    sent = 0

    def body():
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        while sent < 10_000_000:
            sent += 10_000
            yield bytes(10_000)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/colorize", content=body(), headers=headers)
    assert answer.status_code == 413


def png_claiming(width: int, height: int) -> bytes:
    """A small file whose header promises many pixels: a decompression bomb."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000))
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + end


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.jpg", photo())
    return buffer.getvalue()


def animation() -> bytes:
    frames = [Image.new("RGB", (20, 20), (i * 9, 0, 0)) for i in range(9)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def malformed() -> list[tuple[str, bytes]]:
    """200 files that are not usable photos: (what it is, bytes)."""
    dice = np.random.default_rng(4)
    found = [
        ("empty", b""),
        ("one byte", b"\xff"),
        ("text", b"a photograph, honestly"),
        ("zip named .jpg", zipped()),
        ("animation", animation()),
        ("script", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage"),
        ("svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        ("fits", b"SIMPLE  =                    T".ljust(2880)),
        ("pdf", b"%PDF-1.7\n%%EOF"),
        ("heic in name only", b"\0\0\0\x18ftypheic" + bytes(40)),
        ("strip", photo((300_000, 1), "PNG")),
        ("too large", bytes(390_000)),
        ("ppm bomb", b"P6 99999 99999 255\n" + bytes(300)),
        ("huge comment", photo(comment=b"x" * 60_000)[:-2000]),
    ]
    found += [("bomb", png_claiming(2**k - 1, 2**k - 1)) for k in range(11, 32)]
    found += [("bomb", png_claiming(2**31 - 1, k)) for k in range(1, 12)]
    for kind in ("JPEG", "PNG", "TIFF", "BMP", "GIF", "PPM", "WEBP"):
        whole = photo((64, 48), kind)
        shares = np.linspace(0.02, 0.6, 14)
        found += [(f"cut {kind}", whole[: int(len(whole) * share)]) for share in shares]
    found += [("noise", dice.bytes(int(n))) for n in dice.integers(1, 3000, 200 - len(found))]
    assert len(found) == 200
    return found


def test_200_malformed_uploads_are_refused_and_the_server_survives(client):
    for what, data in malformed():
        answer = post_photo(client, data, name="photo.jpg", render=32)
        assert 400 <= answer.status_code < 500, what
        assert "found" in answer.json()["error"], what
        assert "expected" in answer.json()["error"], what
    assert post_photo(client, photo()).status_code == 200


def test_photos_with_random_damage_never_break_the_server(client, monkeypatch):
    # The test is about decoding and encoding; the model would take most of the time.
    monkeypatch.setattr(colorize, "colorize_and_classify", lambda _, photo, __: (photo, {}))
    dice = np.random.default_rng(5)
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF"):
        exif = Image.Exif()
        exif[0x010E] = "a text"
        whole = np.frombuffer(photo((33, 21), kind, exif=exif.tobytes()), np.uint8)
        for _ in range(40):
            damaged = whole.copy()
            positions = dice.integers(0, len(damaged), dice.integers(1, 12))
            damaged[positions] = dice.integers(0, 256, len(positions))
            answer = post_photo(client, damaged.tobytes(), render=32)
            assert answer.status_code == 200 or 400 <= answer.status_code < 500, kind


def test_bombs_are_refused_by_their_header_before_decoding(client, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    answer = post_photo(client, png_claiming(40_000, 40_000))
    assert "at most 1,000,000" in answer.json()["error"]
    answer = post_photo(client, png_claiming(10_000, 10_000))
    assert "10000 x 10000 pixels, at most 1,000,000" in answer.json()["error"]
