"""Options that name a file to write: whether it can be is said before the work, not after."""

import os
from pathlib import Path

import typer


def output_file(text: str | Path) -> Path:
    """The path; missing folders on the way to it are made when it is written.

    typer.BadParameter if a folder is there, or nothing can be made in the folder that it is to be
    in.
    """
    path = Path(text)
    if path.is_dir():
        raise typer.BadParameter(f"found the folder '{path}', expected the name of a file")
    there = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not there.is_dir():
        raise typer.BadParameter(f"'{path}': found a file at '{there}', expected a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise typer.BadParameter(f"'{path}': nothing may be written in '{there}'; choose another")
    return path


def png_file(text: str | Path) -> Path:
    """The same, of a .png."""
    path = output_file(text)
    if path.suffix.lower() != ".png":
        raise typer.BadParameter(f"found '{path}', expected the name of a .png")
    return path
