"""Models of the Hugging Face Hub, by a local server that speaks as it does."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

import gan_color
from gan_color.errors import GanColorError
from gan_color.evaluation.predictors import load_predictors
from gan_color.evaluation.protocols import EvalProtocol
from gan_color.hub.init_from import origin
from gan_color.hub.model_card import terms
from gan_color.hub.model_file import read_header, save_model
from gan_color.hub.pretrained import find_model
from gan_color.hub.publish import publish
from gan_color.models import registry
from tests.fakes.hugging_face import COMMIT, FakeHub, Repository
from tests.helpers.command_line import one_line, run
from tests.helpers.runs import REPOSITORY
from tests.helpers.web_photos import TINY, photo

NON_COMMERCIAL = "research and other non-commercial use"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    found = FakeHub()
    monkeypatch.setattr(constants, "ENDPOINT", found.url)
    template = f"{found.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    yield found
    found.stop()  # twice does no harm


def write_model(path: Path, seed: int = 0, **record: object) -> Path:
    torch.manual_seed(seed)
    save_model(path, "unet", registry.create("unet", **TINY), record)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.safetensors", license=NON_COMMERCIAL, figures={"psnr": 21.5})


def test_a_model_is_loaded_by_its_repository_and_revision(hub: FakeHub, file: Path, tmp_path: Path):
    old = write_model(tmp_path / "old.safetensors", seed=1)
    files = {"model.safetensors": file.read_bytes()}
    revisions = {"main": files, "v1": {"model.safetensors": old.read_bytes()}}
    hub.repositories["me/mine"] = Repository(revisions=revisions)
    found = find_model("hf-hub:me/mine")
    assert found.read_bytes() == file.read_bytes()
    assert find_model("hf-hub:me/mine@v1").read_bytes() == old.read_bytes()
    assert gan_color.load("hf-hub:me/mine").colorize(photo()).size == (60, 40)
    asked = len([each for each in hub.asked if each[0] == "GET"])
    assert find_model("hf-hub:me/mine") == found
    assert len([each for each in hub.asked if each[0] == "GET"]) == asked  # fetched once
    (predictor,) = load_predictors([found], EvalProtocol(), torch.device("cpu"))
    assert predictor.name == "me/mine"


def test_the_command_line_takes_it_and_works_offline_after_the_first_time(
    hub: FakeHub, file: Path, tmp_path: Path, monkeypatch, capsys
):
    hub.repositories["me/mine"] = Repository(
        revisions={"main": {"model.safetensors": file.read_bytes()}}
    )
    (tmp_path / "x.png").write_bytes(photo((40, 30), "PNG"))
    command = ("colorize", tmp_path / "x.png", "-m", "hf-hub:me/mine", "--render", 32)
    assert run(*command, "-o", tmp_path / "y.png") == 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert run(*command, "-o", tmp_path / "z.png") == 0
    assert (tmp_path / "z.png").read_bytes() == (tmp_path / "y.png").read_bytes()
    capsys.readouterr()
    assert run("colorize", tmp_path / "x.png", "-m", "hf-hub:me/other") == 2
    assert "cannot be reached and me/other is not in" in one_line(capsys)


def test_huggingface_hubs_own_settings_hold(hub: FakeHub, file: Path, tmp_path: Path):
    hub.repositories["me/mine"] = Repository(
        revisions={"main": {"model.safetensors": file.read_bytes()}}
    )
    code = (
        "from gan_color.hub.pretrained import find_model; print(find_model('hf-hub:me/mine@main'))"
    )
    place = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    environment = {**os.environ, **place, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = Path(done.stdout.strip())
    assert found.is_relative_to(tmp_path / "home")
    assert found.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf-hub:mine", "found 'hf-hub:mine', expected hf-hub:owner/name or"),
        ("hf-hub:me/mine@", "expected hf-hub:owner/name or hf-hub:owner/name@revision"),
        ("hf-hub:a/b/c", "expected hf-hub:owner/name or"),
        ("hf-hub:me/..", "expected owner/name"),
        ("hf-hub:me/none", "found no repository at http://.*/me/none; if it is private, `hf auth"),
        ("hf-hub:me/gated", "me/gated is gated: accept its terms at http://.*/me/gated"),
        ("hf-hub:me/mine@v9", "me/mine has no such revision"),
        ("hf-hub:me/pickled", "me/pickled holds no model.safetensors, expected one that gan_color"),
        ("hf-hub:me/timm", "carries no gan_color header"),
    ],
)
def test_what_cannot_be_had_is_one_line(hub: FakeHub, name: str, message: str, tmp_path, capsys):
    from safetensors.torch import save

    hub.repositories |= {
        "me/mine": Repository(),
        "me/gated": Repository(gated=True),
        "me/pickled": Repository(revisions={"main": {"pytorch_model.bin": b"pickle"}}),
        "me/timm": Repository(
            revisions={"main": {"model.safetensors": save({"a": torch.zeros(1)})}}
        ),
    }
    (tmp_path / "x.png").write_bytes(photo((40, 30), "PNG"))
    assert run("colorize", tmp_path / "x.png", "-o", tmp_path / "y.png", "-m", name) == 2
    line = one_line(capsys)
    with pytest.raises(GanColorError, match=message):
        raise GanColorError(line)
    assert not (tmp_path / "y.png").exists()
    assert not any("pytorch_model" in path for _, path in hub.asked)


def test_a_server_that_is_not_there_is_one_line(hub: FakeHub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    hub.stop()
    with pytest.raises(GanColorError, match=r"cannot be reached and me/mine is not in"):
        find_model("hf-hub:me/mine")


def test_what_is_published_is_what_is_loaded_and_its_card_says_the_terms(
    hub: FakeHub, file: Path, capsys
):
    assert run("export", file, "--to-hub", "me/mine", "--private") == 0
    assert f"published: {hub.url}/me/mine" in capsys.readouterr().out
    made = hub.repositories["me/mine"]
    assert made.private
    files = made.revisions["main"]
    assert set(files) == {"model.safetensors", "config.json", "README.md"}
    config = json.loads(files["config.json"])
    header = read_header(file)
    assert (config["architecture"], config["model_args"]) == ("unet", header["options"])
    card = files["README.md"].decode()
    assert card.startswith("---\nlibrary_name: gan_color\n")
    for text in (f"License of the weights: {NON_COMMERCIAL}", "license: other", "psnr: 21.5"):
        assert text in card
    assert 'gan_color.load("hf-hub:me/mine")' in card
    assert find_model("hf-hub:me/mine").read_bytes() == file.read_bytes()
    assert f"/{COMMIT}/" in str(find_model("hf-hub:me/mine"))


def test_a_card_that_is_there_is_kept_if_it_says_the_terms(hub: FakeHub, file: Path):
    cards = {
        "me/silent": b"# Mine",
        "me/clear": b"# Mine\nFor Research and\nother non-commercial use.",
    }
    for name, card in cards.items():
        hub.repositories[name] = Repository(revisions={"main": {"README.md": card}})
    with pytest.raises(GanColorError, match=f"does not say the file's terms: {NON_COMMERCIAL}"):
        publish(file, "me/silent")
    assert set(hub.repositories["me/silent"].revisions["main"]) == {"README.md"}
    publish(file, "me/clear")
    files = hub.repositories["me/clear"].revisions["main"]
    assert files["README.md"] == cards["me/clear"]
    assert files["model.safetensors"] == file.read_bytes()


def test_what_was_to_be_private_is_not_published_openly(hub: FakeHub, file: Path):
    hub.repositories["me/open"] = Repository()
    with pytest.raises(GanColorError, match="me/open is there and public"):
        publish(file, "me/open", private=True)
    assert hub.repositories["me/open"].revisions["main"] == {}


def test_what_may_not_or_must_not_be_published_is_one_line(hub: FakeHub, file: Path, tmp_path):
    hub.repositories["you/yours"] = Repository(readable_only=True)
    with pytest.raises(GanColorError, match=r"no permission for .*/you/yours: `hf auth login`"):
        publish(file, "you/yours")
    with pytest.raises(GanColorError, match="found 'mine', expected owner/name"):
        publish(file, "mine")
    broken = registry.create("unet", **TINY)
    torch.nn.init.constant_(broken.head.weight, float("nan"))
    save_model(tmp_path / "broken.safetensors", "unet", broken, {})
    with pytest.raises(GanColorError, match="no finite numbers"):
        publish(tmp_path / "broken.safetensors", "me/broken")
    assert "me/broken" not in hub.repositories


def test_a_license_that_the_hub_knows_is_named_where_it_is_the_only_one(hub: FakeHub, tmp_path):
    for number, (record, line) in enumerate(
        (
            ({"terms": "MIT"}, "license: mit\n"),
            ({"license": "MIT", "data_license": "CC BY-NC 4.0"}, "license: other\n"),
            ({}, "- License of the weights: not recorded\n"),
        )
    ):
        full = {"imported": "x", "source": "s", "file": "f", "sha256": "0"} if number == 0 else {}
        publish(write_model(tmp_path / f"{number}.safetensors", **full, **record), f"me/m{number}")
        card = hub.repositories[f"me/m{number}"].revisions["main"]["README.md"].decode()
        assert line in card
        assert ("license:" in card.split("---")[1]) == bool(record)


def test_weights_that_were_trained_on_have_the_terms_of_what_they_started_from(
    hub: FakeHub, file: Path, tmp_path
):
    start = origin(str(file))
    assert start["terms"] == [NON_COMMERCIAL]
    tuned = write_model(tmp_path / "tuned.safetensors", data_license="my own", init_from=start)
    assert terms(read_header(tuned)) == ["my own", NON_COMMERCIAL]
    assert terms({"record": {"init_from": origin(str(tuned))}}) == ["my own", NON_COMMERCIAL]
    publish(tuned, "me/tuned")
    card = hub.repositories["me/tuned"].revisions["main"]["README.md"].decode()
    assert f"- Trained on from m.safetensors: {NON_COMMERCIAL}" in card
    assert origin(str(tmp_path / "gone.safetensors"))["terms"] == ["those of gone.safetensors"]
