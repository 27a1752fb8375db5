"""onnxruntime-web is found, checked, or fetched once; never another version, never a part."""

import hashlib
import os
from pathlib import Path

import pytest

from gan_color.errors import GanColorError
from gan_color.web import runtime
from tests.helpers.onnxruntime_web import write_archive, write_folder

NPM = """#!/bin/sh
test "$1 $2" = "pack onnxruntime-web@{version}" && test "$4" = --pack-destination || exit 9
test -f "{archive}" || {{ echo "npm ERR! no network" >&2; exit 1; }}
cp "{archive}" "$5"
"""


@pytest.fixture
def archive(tmp_path: Path, monkeypatch) -> Path:
    """A stand-in of the published archive, which an npm gives out; nothing is in the cache."""
    path = write_archive(tmp_path / "package")
    monkeypatch.setattr(runtime, "SHA512", hashlib.sha512(path.read_bytes()).hexdigest())
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(NPM.format(version=runtime.VERSION, archive=path))
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path


def test_it_is_downloaded_once(archive: Path, tmp_path: Path):
    found = runtime.find()
    assert found == tmp_path / "cache" / "gan_color" / runtime.ARCHIVE
    archive.unlink()
    assert runtime.find() == found
    runtime.unpack(found, tmp_path / "site")
    contents = {path.name: path.read_text() for path in (tmp_path / "site").iterdir()}
    assert contents == {served: name for name, served in runtime.FILES.items()}


def test_without_a_network_or_npm_it_says_what_to_get(archive: Path, tmp_path: Path, monkeypatch):
    archive.unlink()
    advice = r"npm pack onnxruntime-web@.* pass --runtime onnxruntime-web"
    with pytest.raises(GanColorError, match=f"npm failed: npm ERR! no network; .*{advice}"):
        runtime.find()
    assert list((tmp_path / "cache" / "gan_color").iterdir()) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GanColorError, match=f"found no .* and no npm; .*{advice}"):
        runtime.find()


def test_a_damaged_archive_is_refused_wherever_it_is(archive: Path, tmp_path: Path):
    damaged = archive.read_bytes()[:-1] + b"x"
    archive.write_bytes(damaged)
    for path in (None, archive):
        with pytest.raises(GanColorError, match=r"has SHA-512 .* delete it"):
            runtime.find(path)
    assert not runtime.cached().exists()


def test_a_folder_is_that_of_one_version_and_whole(archive: Path, tmp_path: Path):
    folder = write_folder(tmp_path / "whole")
    assert runtime.find(folder) == folder
    other = write_folder(tmp_path / "other", "1.2.3")
    with pytest.raises(GanColorError, match=r"found onnxruntime-web 1\.2\.3 in .*npm install"):
        runtime.find(other)
    (tmp_path / "none").mkdir()
    with pytest.raises(GanColorError, match=r"found no package\.json"):
        runtime.find(tmp_path / "none")
    next((folder / "dist").iterdir()).unlink()
    with pytest.raises(GanColorError, match="found no dist/"):
        runtime.find(folder)
    with pytest.raises(GanColorError, match=r"found no '.*missing'"):
        runtime.find(tmp_path / "missing")
