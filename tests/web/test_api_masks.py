"""A mask over REST: what it keeps is the photo's own to the bit; what is none is refused."""

import io

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from gan_color.web.app import create_app
from tests.helpers.web_photos import LIMITS, photo, post_photo, write_models


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    folder = write_models(tmp_path_factory.mktemp("models"))
    return TestClient(create_app(folder, "cpu", LIMITS, page=False))


def mask(size: tuple[int, int], kept: tuple[int, int, int, int], kind: str = "PNG") -> bytes:
    """White where `kept` (left, top, right, bottom) is, black elsewhere."""
    image = Image.new("L", size)
    image.paste(255, kept)
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def post_with_mask(client: TestClient, keep: bytes | None, sent: bytes) -> httpx.Response:
    files = {"file": ("old.png", sent)} | ({"keep": ("keep.png", keep)} if keep else {})
    return client.post("/api/colorize", files=files, data={"format": "png", "render": "64"})


@pytest.mark.parametrize("depth", [8, 16])
def test_what_a_mask_keeps_is_the_photos_own_to_the_bit(client, depth):
    truth = np.random.default_rng(0).integers(0, 2**depth, (40, 60, 3)).astype(f"uint{depth}")
    sent = cv2.imencode(".png", truth)[1].tobytes()
    answers = [
        post_with_mask(client, keep, sent)
        for keep in (None, mask((60, 40), (0, 0, 30, 40)), mask((15, 10), (0, 0, 0, 0)))
    ]
    plain, kept, none = (
        cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
        for answer in answers
    )
    assert kept.dtype == truth.dtype
    assert np.array_equal(kept[:, :30], truth[:, :30])
    assert not np.array_equal(plain[:, :30], truth[:, :30])
    assert np.array_equal(kept[:, 30:], plain[:, 30:])
    assert np.array_equal(none, plain)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (mask((40, 60), (0, 0, 9, 9)), "keep: found 40 x 60 pixels, expected the shape of the"),
        (b"no photo", "keep: found 8 bytes that are not an image"),
        (mask((60, 40), (0, 0, 9, 9))[:60], "keep: found"),
    ],
)
def test_what_is_no_mask_is_refused(client, keep, message):
    answer = post_with_mask(client, keep, photo((60, 40), "PNG"))
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(message)
    text = post_photo(client, photo(), keep="all")
    assert "keep: found text, expected a file part" in text.json()["error"]
