"""Artifacts of Weights & Biases, sent by a run and taken by this package's own commands."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import wandb
import yaml
from safetensors.torch import load_file

from gan_color.config.schema import parse
from gan_color.hub.model_file import load_model
from gan_color.training import checkpoint, trainer
from gan_color.training.loggers import wandb_artifacts
from tests.helpers.command_line import one_line, run
from tests.helpers.runs import changed, tiny_mapping

NO_MODEL = "run.init_from=wandb:me/gan_color/gan_color-dataset:latest"


class Server:
    """Keeps what `log_artifact` is given, as W&B's servers would, and answers for wandb.Api."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[tuple[wandb.Artifact, list[str]]] = []
        self.state = "crashed"

    def log_artifact(self, artifact: wandb.Artifact, aliases: list[str] | None = None) -> None:
        place = self.folder / f"{artifact.name}-{len(self.kept)}"
        for name, entry in artifact.manifest.entries.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(entry.local_path, place / name)
        self.kept.append((artifact, list(aliases or ["latest"])))

    def artifact(self, name: str) -> "Server.Found":
        entity, project, versioned = name.split("/")
        assert (entity, project) == ("me", "gan_color")
        wanted, alias = versioned.split(":")
        for i, (artifact, aliases) in reversed(list(enumerate(self.kept))):
            if artifact.name == wanted and alias in aliases:
                return Server.Found(self, self.folder / f"{wanted}-{i}")
        raise ValueError(f"artifact '{name}'\nnot found.")

    class Found:
        def __init__(self, server: "Server", folder: Path) -> None:
            self.server, self.folder = server, folder

        def logged_by(self) -> "Server":
            return self.server

        def download(self) -> str:
            return str(self.folder)


@pytest.fixture(scope="module")
def server(
    sample_folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """What the tiny run sent; its folder is beside."""
    place = tmp_path_factory.mktemp("wandb")
    found = Server(place / "server")
    mapping = tiny_mapping(sample_folders, place / "runs")
    mapping["loggers"] = {"wandb": "offline", "checkpoints": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_SILENT", "true")
        patch.setattr(
            wandb.Run,
            "log_artifact",
            lambda run, *args, **kwargs: found.log_artifact(*args, **kwargs),
        )
        trainer.train(parse(mapping))
    return found


@pytest.fixture
def online(server: Server, monkeypatch, tmp_path: Path) -> Server:
    """The commands reach it, from an empty folder."""
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    monkeypatch.setattr(wandb, "Api", lambda: server)
    monkeypatch.setattr(wandb, "login", lambda **options: True)
    monkeypatch.setattr(server, "state", "crashed")
    monkeypatch.chdir(tmp_path)
    return server


def run_folder_of(server: Server) -> Path:
    return server.folder.parent / "runs" / "tiny"


def test_artifacts_have_aliases_and_say_that_they_hold_the_ema(server: Server):
    found = [(artifact.name, artifact.type, aliases) for artifact, aliases in server.kept]
    tables = [entry for entry in found if entry[1] == "run_table"]
    assert len(tables) == 1  # of previews, at the end
    found.remove(tables[0])
    assert found == [
        ("gan_color-dataset", "dataset", ["latest"]),
        ("tiny-checkpoint", "checkpoint", ["latest", "pretrain"]),
        ("tiny-checkpoint", "checkpoint", ["latest", "discriminator"]),
        ("tiny-checkpoint", "checkpoint", ["latest", "gan"]),
        ("tiny-model", "model", ["latest", "final", "gan"]),
    ]
    assert server.kept[-1][0].metadata["weights"] == "EMA"


@pytest.mark.parametrize(("state", "same_run"), [("crashed", True), ("finished", False)])
def test_a_run_goes_on_from_the_artifact_of_a_checkpoint(
    online: Server, monkeypatch, capsys, state: str, same_run: bool
):
    """It ends as the run that sent it; a W&B run that has finished is not opened again."""
    monkeypatch.setattr(online, "state", state)
    name = "wandb:me/gan_color/tiny-checkpoint:discriminator"
    off = ("--set", "loggers.wandb=disabled")
    assert run("train", "--resume", name, *off) == 0
    first, again = run_folder_of(online), Path("runs/tiny")
    last = "checkpoints/gan-0000024"
    for file in ("model", "ema", "discriminator", "optimizers"):
        one, other = (load_file(f / last / f"{file}.safetensors") for f in (first, again))
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert (again / "model.safetensors").read_bytes() == (first / "model.safetensors").read_bytes()
    start = checkpoint.read(again / "checkpoints/discriminator-0000024").state
    sent = checkpoint.read(first / "checkpoints/discriminator-0000024").state
    assert sent["wandb"]
    assert start["wandb"] == (sent["wandb"] if same_run else None)
    log = [path.joinpath("log.csv").read_text().count("\n") for path in (first, again)]
    assert log[0] == log[1]
    capsys.readouterr()
    assert run("train", "--resume", name, *off) == 2
    assert "runs/tiny is there already: go on with --resume runs/tiny" in one_line(capsys)


@pytest.mark.parametrize("name", ["tiny-model:final", "tiny-checkpoint:gan"])
def test_a_training_starts_from_an_artifact(online: Server, tmp_path: Path, capsys, name: str):
    reference = f"wandb:me/gan_color/{name}"
    found = load_model(wandb_artifacts.find_model(reference)).state_dict()
    before = load_model(run_folder_of(online) / "model.safetensors")
    assert all(torch.equal(found[key], value) for key, value in before.state_dict().items())
    mapping = yaml.safe_load((run_folder_of(online) / "config.yml").read_text())
    del mapping["model"]
    mapping["run"] |= {"dir": str(tmp_path), "init_from": reference}
    mapping["loggers"] = {}
    mapping["stages"] = [mapping["stages"][0] | {"images": 6, "lr": 1e-12, "freeze_norm": True}]
    (tmp_path / "c.yml").write_text(yaml.safe_dump(mapping))
    assert run("train", "-c", tmp_path / "c.yml") == 0
    after = load_model(tmp_path / "tiny" / "model.safetensors")
    L = torch.linspace(-1, 1, 64).expand(1, 1, 64, 64)
    ab = [model.predict_ab(L) for model in (before, after)]
    assert (ab[0] - ab[1]).abs().mean() < 0.05 * ab[0].abs().mean()
    assert (
        yaml.safe_load((tmp_path / "tiny/config.yml").read_text())["run"]["init_from"] == reference
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--resume", "wandb:gan_color/x"), "expected wandb:entity/project/artifact:alias"),
        (("--resume", "wandb:me/gan_color/x:y"), "artifact 'me/gan_color/x:y' not found; look at"),
        (("--resume", "wandb:me/gan_color/tiny-model:final"), "--set run.init_from=wandb:me/gan_c"),
        (("--resume", "wandb:me/gan_color/tiny-checkpoint:gan", "--dry-run"), "expected a folder"),
        (
            ("-c", "demo", "--dry-run", "--set", "model=null", "--set", NO_MODEL),
            "holds 0 .safetensors files",
        ),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    online: Server, capsys, arguments: tuple[str, ...], said: str
):
    assert run("train", *arguments) == 2
    assert said in one_line(capsys)
    assert not Path("runs").exists()


def test_without_a_key_or_online_is_one_sentence(online: Server, monkeypatch, capsys):
    arguments = ("train", "--resume", "wandb:me/gan_color/tiny-checkpoint:gan")
    monkeypatch.setattr(wandb, "login", lambda **options: False)
    assert run(*arguments) == 2
    assert "found no API key of W&B, expected one: run `wandb login`" in one_line(capsys)
    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb.teardown()  # so that it reads its environment again
    assert run(*arguments) == 2
    assert "found W&B offline (WANDB_MODE)" in one_line(capsys)
    monkeypatch.undo()
    wandb.teardown()


def test_ranks_do_not_fetch_one_each(online: Server, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run("train", "--resume", "wandb:me/gan_color/tiny-checkpoint:gan") == 2
    assert "wandb artifact get entity/project/artifact:alias" in one_line(capsys)


def test_an_artifact_has_the_checkpoints_that_later_stages_read(tmp_path: Path, tiny):
    """Ends of stages that are averaged, and early stopping's snapshots; no other."""
    mapping = changed(tiny, f"run.dir={json.dumps(str(tmp_path))}").model_dump(mode="json")
    first = mapping["stages"][0]
    mapping["stages"] = [
        {**first, "name": "a"},
        {**first, "name": "b"},
        {**first, "name": "c"},
        {**first, "name": "mean", "average_from": ["a", "c"]},
    ]
    config = parse(mapping)
    weights = {"ema": {"w": torch.zeros(1)}}
    for name, index in (("a", 0), ("b", 1), ("c", 2)):
        for images in (12, 24):
            state = {"stage": name, "stage_index": index, "images": images}
            state["protected"] = ["b-0000012"] if name == "c" else []
            checkpoint.save(config.folder / f"checkpoints/{name}-{images:07d}", weights, state)
    found = checkpoint.read(config.folder / "checkpoints/c-0000024")
    names = [path.name for path in wandb_artifacts.needed_checkpoints(config, found)]
    assert names == ["c-0000024", "b-0000012", "a-0000024"]
