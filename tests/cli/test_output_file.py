"""Files that a command is to write: what cannot be written is said before the work."""

import inspect
import os
import re
from pathlib import Path
from typing import get_args

import pytest
import typer

from gan_color.atomic import write_text
from gan_color.cli import COMMANDS
from gan_color.cli.output_file import output_file, png_file
from scrapers.files import write_text as scrapers_write_text
from tests.helpers.command_line import one_line, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    return tmp_path


def test_what_a_file_cannot_be_written_to_is_told(folder: Path, monkeypatch):
    for path in (folder / "new", folder / "file", folder / "a" / "b" / "new", Path("new")):
        assert output_file(str(path)) == path
    assert sorted(path.name for path in folder.iterdir()) == ["file", "folder"]
    with pytest.raises(typer.BadParameter, match=r"found the folder '.*folder', expected the name"):
        output_file(folder / "folder")
    with pytest.raises(typer.BadParameter, match=r"found a file at '.*/file', expected a folder"):
        output_file(folder / "file" / "a" / "new")
    with pytest.raises(typer.BadParameter, match=r"found '.*new.jpg', expected the name of a .png"):
        png_file(folder / "new.jpg")
    monkeypatch.setattr(os, "access", lambda path, _: path != folder)
    with pytest.raises(typer.BadParameter, match=r"nothing may be written in '.*'; choose another"):
        output_file(folder / "a" / "new")


def test_a_folder_is_never_written_over(folder: Path):
    for write in (write_text, scrapers_write_text):
        with pytest.raises(IsADirectoryError) as caught:
            write(folder / "folder", "new")
        assert caught.value.filename == str(folder / "folder")
    assert sorted(path.name for path in folder.iterdir()) == ["file", "folder"]


def _written() -> list[tuple[str, str, object]]:
    """Command, option and parser of each option that names a file to write."""
    found = []
    for command in COMMANDS:
        for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
            kind, *options = get_args(parameter.annotation)
            text = str(getattr(options[0], "help", ""))
            if Path in (kind, *get_args(kind)) and re.search(r"\b([Ww]rit(e|ten)|draw)\b", text):
                found.append((command.__name__, name, options[0].parser))
    return found


def test_every_option_that_names_a_file_to_write_is_checked():
    others = {(command, name) for command, name, parser in _written() if parser is None}
    assert others == {("export", "web")}  # a folder
    assert len(_written()) > 12


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("'--json'", ["evaluate", "--model", "gan-color-small", "--data", ".", "--json"]),
        ("'--fp16'", ["export", "gan-color-small", "--fp16"]),
        ("'--show-batch'", ["train", "--config", "tiny", "--show-batch"]),
        ("'--output'", ["calibrate", "gan-color-small", "--data", ".", "--output"]),
        ("'target'", ["video", "film.mp4"]),
    ],
)
def test_a_command_names_its_option(folder: Path, capsys, name: str, command: list[str]):
    assert run(*command, folder / "folder") == 2
    assert f"Invalid value for {name}" in (line := one_line(capsys))
    assert "found the folder" in line
