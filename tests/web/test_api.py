"""The REST interface: responses, errors, its description."""

import base64
import io
import json
import re
from pathlib import Path

import httpx
import numpy as np
import pytest
import schemathesis
import torch
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.transport.serialization import Binary
from starlette.testclient import TestClient

from gan_color.color.lab import rgb_to_lab, to_float
from gan_color.web.api import TEMPLATES
from gan_color.web.app import create_app
from tests.helpers.runs import save_scene_model
from tests.helpers.web_photos import LIMITS, photo, post_photo, write_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def app(folder: Path) -> FastAPI:
    return create_app(folder, "cpu", LIMITS, page=False)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


def test_a_photo_comes_back_in_color_with_its_own_lightness(client):
    sent = photo((61, 43), "PNG")
    answer = post_photo(client, sent, model="run", render=64, format="png")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    assert "scenes" not in answer.headers
    before, after = (np.asarray(Image.open(io.BytesIO(b))) for b in (sent, answer.content))
    assert after.shape == before.shape
    software = Image.open(io.BytesIO(answer.content)).getexif()[ExifTags.Base.Software]
    assert re.match(r"colorized by gan_color \S+ \(model.safetensors, sha256 ", software)
    assert not np.array_equal(after, before)
    unchanged = post_photo(client, sent, model="run", format="png", strength=0).content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(unchanged))), before)
    gray = post_photo(client, sent, model="run", render=64, format="png", saturation=0).content
    original, colored, uncolored = (
        rgb_to_lab(to_float(torch.from_numpy(x.copy()).permute(2, 0, 1)[None]))
        for x in (before, after, np.asarray(Image.open(io.BytesIO(gray))))
    )
    assert float((original - uncolored)[:, 0].abs().max()) < 0.5
    assert float(uncolored[:, 1:].abs().max()) < 0.5
    assert float(colored[:, 1:].abs().mean()) > 2


def test_both_images_come_as_json_upright_and_of_one_size(client):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    answer = post_photo(client, photo((60, 40), exif=exif), response="json", format="webp").json()
    assert (answer["model"], answer["width"], answer["height"]) == ("plain", 40, 60)
    assert answer["scenes"] == {}
    for key in ("before", "after"):
        head, data = answer[key].split(",")
        assert head == "data:image/webp;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (40, 60)


def test_a_model_with_scene_classes_names_them_in_json_and_in_a_header(tmp_path):
    save_scene_model(tmp_path / "scene.safetensors")
    client = TestClient(create_app(tmp_path, "cpu", LIMITS, page=False))
    expected = {"forêt": pytest.approx(0.731, abs=1e-3), "beach": pytest.approx(0.269, abs=1e-3)}
    found = post_photo(client, photo(), response="json").json()["scenes"]
    assert list(found.items()) == list(expected.items())
    assert json.loads(post_photo(client, photo()).headers["scenes"]) == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "plian"}, "model: found 'plian', expected one of plain, run"),
        ({"model": "../plain"}, "expected one of plain, run"),
        ({"render": "9000"}, "render: found 9000, expected 32 to 1024"),
        ({"render": "many"}, "render: found 'many'"),
        ({"saturation": "nan"}, "saturation: found"),
        ({"format": "exe"}, "format: found 'exe', expected 'jpeg', 'png' or 'webp'"),
        ({"rendre": "64"}, "rendre: unknown key"),
    ],
)
def test_an_invalid_option_is_named(client, fields, message):
    answer = post_photo(client, photo(), **fields)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_malformed_requests_are_refused_in_json(client):
    def error(answer: httpx.Response, status: int) -> str:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        return answer.json()["error"]

    post = client.post
    assert "found none or an empty one" in error(post("/api/colorize", files={"x": b""}), 422)
    assert "file: found text" in error(post("/api/colorize", files={"file": (None, "text")}), 422)
    assert "application/json" in error(post("/api/colorize", json={"file": "x"}), 415)
    assert "found the content type none" in error(post("/api/colorize"), 415)
    twice = [("file", ("a", photo())), ("file", ("b", photo()))]
    assert "found 'file' twice" in error(post("/api/colorize", files=twice), 422)
    assert "Too many files" in error(post("/api/colorize", files=2 * twice), 400)
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert "damaged form" in error(post("/api/colorize", content=b"?", headers=broken), 400)
    assert "at most 0.3 MB" in error(post_photo(client, bytes(400_000)), 413)
    assert "/api/docs" in error(client.get("/api/colorize"), 405)
    assert "/api/docs" in error(client.get("/api/nothing"), 404)


def test_without_the_page_there_is_rest_alone(folder, client):
    assert [client.get(path).status_code for path in ("/", "/examples")] == [404, 404]
    with_page = TestClient(create_app(folder, "cpu", LIMITS))
    assert with_page.get("/").text.startswith("<!doctype html>")
    assert "coffee" in with_page.get("/examples").json()["examples"]
    assert with_page.get("/examples/coffee.jpg").headers["content-type"] == "image/jpeg"
    refused = with_page.get("/examples/x.jpg")
    assert refused.status_code == 404
    assert "found 'x', expected one of coffee" in refused.json()["error"]


def test_the_limits_are_listed(client):
    expected = {
        "upload_bytes": 300_000,
        "pixels": 1_000_000,
        "render": 1024,
        "hints": 200,
        "timeout": 60,
    }
    assert client.get("/api/limits").json() == expected


def test_generated_requests_match_the_openapi_description_without_5xx(app):
    files = st.sampled_from([photo(), photo(kind="PNG")]) | st.binary(max_size=300)
    schemathesis.openapi.format("binary", files.map(Binary))
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert [o.label for o in operations] == [
        "GET /health",
        "GET /limits",
        "GET /models",
        "POST /colorize",
    ]
    statuses = set()
    for operation, examples in zip(operations, (3, 3, 3, 60), strict=True):

        @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
        @given(operation.as_strategy())
        def call(case):
            # No schema can say that bytes are a photo or that a string names a model.
            answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
            statuses.add(answer.status_code)

        call()
    assert statuses >= {200, 422}


def test_the_api_page_loads_nothing_from_other_hosts(client):
    page = client.get("/api/docs").text
    assert "POST /colorize" in page
    assert "saturation" in page
    assert "503" in page
    assert "file" in page
    assert "integer, 32 to 1024" in page
    assert "jpeg or png or webp" in page
    assert "://" not in page
    assert "<script" not in page
    assert "style=" not in page
    for address in re.findall(r'(?:href|src)="([^"]+)"', page):
        assert client.get(f"/api/{address}").status_code == 200, address
    assert client.get("/api/openapi.json").json()["openapi"].startswith("3.")


def test_the_api_page_escapes_what_it_shows():
    description = {"info": {"description": "<b>"}, "paths": {"/<i>": {"get": {"responses": {}}}}}
    page = TEMPLATES.get_template("docs.html").render(description)
    assert "&lt;b&gt;" in page
    assert "GET /&lt;i&gt;" in page
    assert not {"<b>", "<i>"} & set(re.findall("<[^>]*>", page))
