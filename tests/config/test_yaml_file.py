"""Recipes by name and by path."""

from pathlib import Path

import pytest

from gan_color.config.schema import load
from gan_color.config.yaml_file import RECIPES, find_recipe
from gan_color.errors import GanColorError
from gan_color.hub.init_from import load_config
from gan_color.hub.pretrained import DEFAULT
from tests.helpers.command_line import one_line, run
from tests.helpers.runs import REPOSITORY


def test_a_bare_name_is_the_recipe_of_the_package_from_any_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_recipe("demo").samefile(REPOSITORY / "configs" / "demo.yml")
    assert load(find_recipe("demo")).run.name == "demo"


def test_a_path_is_a_file_even_where_a_recipe_has_its_name(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("demo.yml").write_text("run: {}\n")
    for name in ("demo.yml", "./demo.yml", str(tmp_path / "demo.yml"), "other.yml"):
        assert find_recipe(name) == Path(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dmeo", r"found no recipe 'dmeo', expected .*\./dmeo\.yml.*; did you mean 'demo'\?"),
        ("zzzzzz", r"found no recipe 'zzzzzz', expected .* one of alpha, beta, .*zhang16"),
        ("sweeps", r"found no recipe 'sweeps'"),
        ("configs/demo.yml", r"found no file 'configs/demo\.yml'; .*type --config demo$"),
    ],
)
def test_a_name_that_leads_nowhere_is_answered_with_what_does(
    name: str, message: str, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanColorError, match=message):
        find_recipe(name)


@pytest.mark.parametrize("command", ["train", "lr-find", "plan", "demo"])
def test_every_command_with_a_config_takes_a_recipe(command: str, capsys):
    assert run(command, "--config", "dmeo") == 2
    assert "did you mean 'demo'?" in one_line(capsys)


def test_a_dry_run_needs_the_name_only(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("train", "-c", "tiny", "--dry-run", "--no-measure") == 0
    assert "name: tiny" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_paths_in_recipes_start_in_the_users_folder_not_beside_the_recipe():
    for path in RECIPES.glob("*.yml"):
        config = load_config(path)
        paths = [folder.path for folder in (*config.data.folders, *config.data.val)]
        start = config.run.init_from
        paths += [start] if start and start != Path(DEFAULT) else []
        assert all(found.parts[0] in ("datasets", "runs") for found in paths), path
