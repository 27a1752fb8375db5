"""Hints over REST: met in the answer, refused where they are none."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from gan_color.color.ab_bins import BIN_COUNT
from gan_color.color.lab import rgb_to_lab, to_float
from gan_color.hub.model_file import load_model, save_palettes
from gan_color.models.hints import PaletteBank
from gan_color.web.app import create_app
from gan_color.web.schemas import FILE_FIELDS
from tests.helpers.web_photos import LIMITS, photo, post_photo, write_hinted_model, write_models


@pytest.fixture(scope="module")
def hinted(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    folder = tmp_path_factory.mktemp("hinted")
    write_hinted_model(folder / "hinted.safetensors")
    return TestClient(create_app(folder, "cpu", LIMITS, page=False))


def test_a_point_of_the_photo_gets_the_color_that_is_asked_for(hinted):
    assert hinted.get("/api/models").json()["models"][0]["hints"] is True
    points = [{"x": 12, "y": 30, "color": "#3070c0"}, {"x": 45, "y": 8, "color": "#c06030"}]
    sent = photo((60, 40), "PNG")
    answer = post_photo(hinted, sent, hints=json.dumps(points), format="png", render=64)
    assert answer.status_code == 200, answer.text
    found = np.array(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    for point in points:
        asked = [int(point["color"][i : i + 2], 16) for i in (1, 3, 5)]
        pixels = np.stack([found[point["y"], point["x"]], asked]).astype(np.uint8)
        lab = rgb_to_lab(to_float(torch.from_numpy(pixels).T.reshape(1, 3, 1, 2)))[0, 1:, 0]
        # The lightness is the photo's own, at which not every chroma can be had: the hue is.
        angle = torch.atan2(lab[1], lab[0])
        assert abs(float(angle[0] - angle[1])) < 0.2
    without = post_photo(hinted, sent, format="png", render=64)
    assert without.content != answer.content


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        ("[[3, 4, 5]]", "found the color 5, expected one such as #e0c040"),
        ('[{"x": 60, "y": 0, "color": "#e0c040"}]', "found (60, 0), expected a pixel of the photo"),
        ('[{"x": -1, "y": 0, "color": "#e0c040"}]', "found (-1, 0), expected a pixel"),
        ('[{"x": 1, "y": 0, "color": "yellow"}]', "found the color 'yellow'"),
        ('[{"x": 1.5, "y": 0, "color": "#e0c040"}]', "found (1.5, 0)"),
        ("{}", "request holds no list"),
        ("yellow", "cannot be read as JSON"),
        ("[" * 5000, "cannot be read as JSON"),
        (json.dumps([[0, 0, "#e0c040"]] * 201), "found 201 points, expected at most 200"),
    ],
)
def test_hints_that_are_none_are_refused(hinted, hints, message):
    answer = post_photo(hinted, photo((60, 40)), hints=hints)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_a_model_that_takes_no_hints_says_so(tmp_path: Path):
    client = TestClient(create_app(write_models(tmp_path), "cpu", LIMITS, page=False))
    assert client.get("/api/models").json()["models"][0]["hints"] is False
    answer = post_photo(client, photo(), hints='[{"x": 1, "y": 1, "color": "#e0c040"}]')
    assert answer.status_code == 422
    assert "hints" in answer.json()["error"]


def post_with_reference(client: TestClient, reference: bytes, **fields: object):
    files = {"file": ("old.png", photo((60, 40), "PNG")), "reference": ("like.png", reference)}
    return client.post("/api/colorize", files=files, data={k: str(v) for k, v in fields.items()})


def one_color(color: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), color).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_reference_and_a_word_for_saturation_change_the_answer(hinted):
    answers = [
        post_photo(hinted, photo((60, 40), "PNG"), format="png"),
        post_photo(hinted, photo((60, 40), "PNG"), format="png", saturation="vivid"),
        post_with_reference(hinted, one_color((160, 90, 60)), format="png"),
        post_with_reference(hinted, one_color((60, 110, 170)), format="png"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.content for answer in answers}) == 4


def test_a_form_may_have_every_file_at_once(hinted):
    sent = photo((60, 40), "PNG")
    black = io.BytesIO()
    Image.new("L", (60, 40)).save(black, "PNG")  # nothing stays as it is
    found = {"file": sent, "reference": one_color((160, 90, 60)), "keep": black.getvalue()}
    assert sorted(found) == sorted(FILE_FIELDS)
    files = {name: (f"{name}.png", data) for name, data in found.items()}
    answer = hinted.post("/api/colorize", files=files, data={"format": "png"})
    assert answer.status_code == 200, answer.text
    assert answer.content == post_with_reference(hinted, found["reference"], format="png").content


@pytest.mark.parametrize(
    ("reference", "status", "message"),
    [
        (one_color((90, 90, 90)), 422, "reference: found a gray photo"),
        (b"no photo", 422, "reference: found 8 bytes that are not an image"),
        (photo((400, 300))[:900], 422, "reference: found"),
        (bytes(LIMITS.upload_bytes), 413, "expected at most"),
    ],
)
def test_what_is_no_reference_is_refused(hinted, reference, status, message):
    answer = post_with_reference(hinted, reference)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_a_reference_as_text_and_unknown_words_are_refused(hinted):
    for fields, message in (
        ({"reference": "like.png"}, "reference: found text, expected a file part"),
        ({"saturation": "loud"}, "saturation: found 'loud', expected"),
        ({"saturation": "5"}, "saturation: found 5.0, expected 0 to 4"),
    ):
        answer = post_photo(hinted, photo(), **fields)
        assert answer.status_code == 422
        assert message in answer.json()["error"]
        assert "\n" not in answer.json()["error"]


def test_models_without_hints_refuse_references_and_words(tmp_path: Path):
    client = TestClient(create_app(write_models(tmp_path), "cpu", LIMITS, page=False))
    for answer in (
        post_with_reference(client, one_color((160, 90, 60))),
        post_photo(client, photo(), saturation="muted"),
    ):
        assert answer.status_code == 422
        assert "this model takes none" in answer.json()["error"]


def test_variants_are_numbers_of_models_that_have_them(hinted, tmp_path: Path):
    write_hinted_model(tmp_path / "plain.safetensors")
    model = load_model(tmp_path / "plain.safetensors")
    channels = model.content(torch.zeros(1, 1, 64, 64)).shape[1]
    shares = torch.eye(BIN_COUNT)[None, [20, 100, 180, 260]]
    bank = PaletteBank(torch.ones(1, channels), shares)
    save_palettes(tmp_path / "plain.safetensors", tmp_path / "with.safetensors", bank, {})
    (tmp_path / "plain.safetensors").unlink()
    client = TestClient(create_app(tmp_path, "cpu", LIMITS, page=False))
    assert client.get("/api/models").json()["models"][0]["variants"] is True
    sent = photo((60, 40), "PNG")
    found = [post_photo(client, sent, format="png", variant=number) for number in (0, 1, 2, 1)]
    assert [answer.status_code for answer in found] == [200] * 4
    assert found[1].content == found[3].content
    assert len({answer.content for answer in found}) == 3
    for each, number, message in (
        (client, "1001", "variant: found '1001'"),
        (client, "-1", "variant: found '-1'"),
        (hinted, "1", "variant: this model has one answer"),
    ):
        answer = post_photo(each, sent, variant=number)
        assert answer.status_code == 422
        assert message in answer.json()["error"]
