"""The models that REST lists: those of the folder as it is now, and what is told of each."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from starlette.testclient import TestClient

from gan_color.hub.model_file import save_half
from gan_color.hub.pretrained import DEFAULT, MODELS
from gan_color.models import registry
from gan_color.web.api import create_api
from gan_color.web.app import create_app
from gan_color.web.limits import Limits
from gan_color.web.model_cache import ModelCache
from tests.helpers.web_photos import photo, write_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def test_added_changed_and_deleted_model_files_are_noticed(folder, tmp_path):
    place = tmp_path / "models"
    shutil.copytree(folder, place)
    cache = ModelCache(place, torch.device("cpu"), max_models=1)
    client = TestClient(create_api(cache, Limits()))
    assert [m["name"] for m in client.get("/models").json()["models"]] == ["plain", "run"]
    run = shutil.copy(place / "run" / "model.safetensors", place / "model.safetensors")
    extra = Path(shutil.copy(run, tmp_path / "model.safetensors"))
    cache.extra = (extra,)  # named after its file, like those in the folder itself
    assert list(cache.files()) == ["model", "plain", "run", "model/model"]
    cache.extra = ()
    Path(run).unlink()
    assert [a["name"] for a in client.get("/models").json()["architectures"]] == registry.names()
    assert len(cache.unusable()) == 1
    first = cache.load(cache.find(None))
    assert cache.load(cache.find("plain")) is first
    cache.load(cache.find("run"))  # evicts the first one
    assert cache.load(cache.find("plain")) is not first
    second = cache.load(cache.find("plain"))
    os.utime(place / "plain.safetensors", (1, 1))
    assert cache.load(cache.find("plain")) is not second
    shutil.copy(place / "plain.safetensors", place / "a new one.safetensors")
    names = [m["name"] for m in client.get("/models").json()["models"]]
    assert names == ["a new one", "plain", "run"]
    shutil.rmtree(place)
    assert client.get("/models").json()["models"] == []
    assert client.get("/health").json()["models"] == 0
    answer = client.post("/colorize", files={"file": photo()})
    assert (answer.status_code, "found none on the server" in answer.json()["error"]) == (422, True)


def test_the_shipped_model_is_listed_after_those_of_the_folder(tmp_path, folder, monkeypatch):
    def listed(place: Path | None) -> list[str]:
        application = create_app(place, "cpu", page=False, shipped=True)
        answer = TestClient(application).get("/api/models").json()
        return [model["name"] for model in answer["models"]]

    assert listed(folder)[-1] == DEFAULT
    assert len(listed(folder)) > 1
    monkeypatch.chdir(tmp_path)  # without runs
    assert listed(None) == [DEFAULT]


def test_what_a_model_is_good_and_bad_at_is_listed_and_no_more_of_its_record(tmp_path, folder):
    save_half(
        folder / "plain.safetensors",
        tmp_path / "told.safetensors",
        {"good_at": "people", "bad_at": "cars", "run": "private"},
    )
    client = TestClient(create_app(tmp_path, "cpu", page=False, shipped=True))
    answer = client.get("/api/models")
    told, shipped = answer.json()["models"]
    assert (told["good_at"], told["bad_at"]) == ("people", "cars")
    assert (shipped["good_at"], shipped["bad_at"]) == (
        MODELS[DEFAULT].good_at,
        MODELS[DEFAULT].bad_at,
    )
    assert "private" not in answer.text
    plain = TestClient(create_app(folder, "cpu", page=False)).get("/api/models").json()["models"]
    assert {(each["good_at"], each["bad_at"]) for each in plain} == {("", "")}
