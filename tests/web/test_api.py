"""The REST interface: what it answers, what it refuses, how much it lets in."""

import asyncio
import base64
import inspect
import io
import json
import os
import re
import shutil
import sys
import threading
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

from gan_color.cli import main
from gan_color.cli.serve import serve
from gan_color.color.lab import rgb8_to_float, rgb_to_lab
from gan_color.hub.pretrained import DEFAULT
from gan_color.models import registry
from gan_color.web import colorize
from gan_color.web.api import create_api
from gan_color.web.app import create_app
from gan_color.web.limits import Limits
from gan_color.web.model_cache import ModelLibrary
from tests.helpers.runs import save_scene_model
from tests.helpers.web_photos import LIMITS, colour, photo, write_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def app(folder: Path) -> FastAPI:
    return create_app(folder, "cpu", LIMITS, page=False)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


def test_a_photo_comes_back_in_colour_with_its_own_lightness(client):
    sent = photo((61, 43), "PNG")
    answer = colour(client, sent, model="run", render=64, format="png")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    assert "scenes" not in answer.headers
    before, after = (np.asarray(Image.open(io.BytesIO(b))) for b in (sent, answer.content))
    assert after.shape == before.shape
    software = Image.open(io.BytesIO(answer.content)).getexif()[ExifTags.Base.Software]
    assert re.match(r"colorized by gan_color \S+ \(model.safetensors, sha256 ", software)
    assert not np.array_equal(after, before)
    whole = colour(client, sent, model="run", format="png", strength=0).content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(whole))), before)
    grey = colour(client, sent, model="run", render=64, format="png", saturation=0).content
    was, coloured, none = (
        rgb_to_lab(rgb8_to_float(torch.from_numpy(x.copy()).permute(2, 0, 1)[None]))
        for x in (before, after, np.asarray(Image.open(io.BytesIO(grey))))
    )
    assert float((was - none)[:, 0].abs().max()) < 0.5
    assert float(none[:, 1:].abs().max()) < 0.5
    assert float(coloured[:, 1:].abs().mean()) > 2


def test_both_pictures_come_as_json_upright_and_alike_in_size(client):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    answer = colour(client, photo((60, 40), exif=exif), answer="json", format="webp").json()
    assert (answer["model"], answer["width"], answer["height"]) == ("plain", 40, 60)
    assert answer["scenes"] == {}
    for key in ("before", "after"):
        head, data = answer[key].split(",")
        assert head == "data:image/webp;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (40, 60)


def test_a_model_that_names_scenes_says_them_in_json_and_in_a_header(tmp_path):
    save_scene_model(tmp_path / "scene.safetensors")
    client = TestClient(create_app(tmp_path, "cpu", LIMITS, page=False))
    expected = {"forêt": pytest.approx(0.731, abs=1e-3), "beach": pytest.approx(0.269, abs=1e-3)}
    found = colour(client, photo(), answer="json").json()["scenes"]
    assert list(found.items()) == list(expected.items())
    assert json.loads(colour(client, photo()).headers["scenes"]) == expected


def test_model_files_appear_change_and_go_by_themselves(folder, tmp_path):
    place = tmp_path / "models"
    shutil.copytree(folder, place)
    library = ModelLibrary(place, torch.device("cpu"), keep=1)
    client = TestClient(create_api(library, Limits()))
    assert [m["name"] for m in client.get("/models").json()["models"]] == ["plain", "run"]
    run = shutil.copy(place / "run" / "model.safetensors", place / "model.safetensors")
    further = Path(shutil.copy(run, tmp_path / "model.safetensors"))
    library.further = (further,)  # named for its file, as what lies in the folder itself
    assert list(library.files()) == ["model", "plain", "run", "model/model"]
    library.further = ()
    Path(run).unlink()
    assert [a["name"] for a in client.get("/models").json()["architectures"]] == registry.names()
    assert len(library.unusable()) == 1
    first = library.load(library.find(None))
    assert library.load(library.find("plain")) is first
    library.load(library.find("run"))  # pushes the first one out
    assert library.load(library.find("plain")) is not first
    second = library.load(library.find("plain"))
    os.utime(place / "plain.safetensors", (1, 1))
    assert library.load(library.find("plain")) is not second
    shutil.copy(place / "plain.safetensors", place / "a new one.safetensors")
    names = [m["name"] for m in client.get("/models").json()["models"]]
    assert names == ["a new one", "plain", "run"]
    shutil.rmtree(place)
    assert client.get("/models").json()["models"] == []
    assert client.get("/health").json()["models"] == 0
    answer = client.post("/colorize", files={"file": photo()})
    assert (answer.status_code, "none at the moment" in answer.json()["error"]) == (422, True)


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
def test_an_option_that_is_not_allowed_is_named(client, fields, message):
    answer = colour(client, photo(), **fields)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_requests_of_another_shape_are_refused_in_json(client):
    def error(answer: httpx.Response, status: int) -> str:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        return answer.json()["error"]

    post = client.post
    assert "found none, or an empty one" in error(post("/api/colorize", files={"x": b""}), 422)
    assert "file: found text" in error(post("/api/colorize", files={"file": (None, "text")}), 422)
    assert "application/json" in error(post("/api/colorize", json={"file": "x"}), 415)
    assert "found the content type none" in error(post("/api/colorize"), 415)
    twice = [("file", ("a", photo())), ("file", ("b", photo()))]
    assert "Too many files" in error(post("/api/colorize", files=twice), 400)
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert "damaged form" in error(post("/api/colorize", content=b"?", headers=broken), 400)
    assert "at most 0.3 MB" in error(colour(client, bytes(400_000)), 413)
    assert "/api/docs" in error(client.get("/api/colorize"), 405)
    assert "/api/docs" in error(client.get("/api/nothing"), 404)
    assert "found none called 'x'" in error(client.get("/examples/x.jpg"), 404)


def together(app: FastAPI, count: int) -> list[httpx.Response]:
    """Send `count` photos at once."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            posts = [client.post("/colorize", files={"file": photo()}) for _ in range(count)]
            return await asyncio.gather(*posts)

    return asyncio.run(send())


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch):
    """Colouring that waits until it is let go, and then answers; `started` counts."""
    gate, real = threading.Event(), colorize.colour
    gate.started = 0  # type: ignore[attr-defined]

    def wait(*arguments):
        gate.started += 1
        assert gate.wait(20)
        return real(*arguments)

    monkeypatch.setattr(colorize, "colour", wait)
    yield gate
    gate.set()


def test_requests_beyond_the_queue_are_sent_away_and_the_others_answered(folder, held):
    library = ModelLibrary(folder, torch.device("cpu"), keep=1)
    api = create_api(library, Limits(requests=3))
    threading.Timer(0.5, held.set).start()
    answers = together(api, 5)
    assert sorted(a.status_code for a in answers) == [200, 200, 200, 503, 503]
    busy = next(a for a in answers if a.status_code == 503)
    assert int(busy.headers["retry-after"]) > 0
    assert "found 3 requests at work" in busy.json()["error"]


def test_what_takes_too_long_is_given_up_and_what_waits_is_never_begun(folder, held):
    library = ModelLibrary(folder, torch.device("cpu"), keep=1)
    api = create_api(library, Limits(requests=3, seconds=0.5))
    answers = together(api, 2)
    assert [a.status_code for a in answers] == [503, 503]
    assert "within 0.5 s" in answers[0].json()["error"]
    client = TestClient(api)
    assert client.get("/health").json()["requests"] in (0, 1)
    assert held.started == 1
    held.set()


def test_openapi_calls_are_answered_as_described_and_find_no_5xx(app):
    files = st.sampled_from([photo(), photo(kind="PNG")]) | st.binary(max_size=300)
    schemathesis.openapi.format("binary", files.map(Binary))
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert [o.label for o in operations] == ["GET /health", "GET /models", "POST /colorize"]
    statuses = set()
    for operation, examples in zip(operations, (3, 3, 60), strict=True):

        @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
        @given(operation.as_strategy())
        def call(case):
            # No schema can say that bytes are a photo, or a string the name of a model.
            answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
            statuses.add(answer.status_code)

        call()
    assert statuses >= {200, 422}


def test_the_documentation_needs_nothing_from_elsewhere(client):
    page = client.get("/api/docs").text
    assert "POST /colorize" in page
    assert "saturation" in page
    assert "503" in page
    assert "://" not in page
    assert "<script" not in page
    assert client.get("/api/openapi.json").json()["openapi"].startswith("3.")


def test_serving_says_what_is_wrong_in_one_line(tmp_path, capsys):
    def failing(*arguments: object) -> str:
        with pytest.raises(SystemExit) as caught:
            main(["serve", *map(str, arguments)])
        assert caught.value.code == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    assert "found none in" in failing("--models", tmp_path, "--port", 0)
    (tmp_path / "x.safetensors").write_text("none")
    assert "not a readable safetensors" in failing("--models", tmp_path, "--port", 0)
    assert "--port" in failing("--models", tmp_path, "--port", 0, "--host", "192.0.2.1")
    assert "like /colour" in failing("--models", tmp_path, "--port", 0, "--root-path", "colour")


def test_the_shipped_model_is_listed_after_those_of_the_folder(tmp_path, folder, monkeypatch):
    def listed(place: Path | None) -> list[str]:
        application = create_app(place, "cpu", page=False, shipped=True)
        answer = TestClient(application).get("/api/models").json()
        return [model["name"] for model in answer["models"]]

    assert listed(folder)[-1] == DEFAULT
    assert len(listed(folder)) > 1
    monkeypatch.chdir(tmp_path)  # without runs
    assert listed(None) == [DEFAULT]


def test_serving_without_the_extra_names_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "gan_color.web.server", raising=False)
    with pytest.raises(SystemExit):
        main(["serve"])
    assert "found no package 'uvicorn'; install the extra" in capsys.readouterr().err


def test_nobody_else_reaches_the_server_unless_told():
    assert inspect.signature(serve).parameters["host"].default == "127.0.0.1"
