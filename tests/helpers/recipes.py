"""Shared by the scrapers' tests: recipes against the local server."""

from pathlib import Path
from typing import Any

from scrapers import manifest
from scrapers.collect.collector import Summary, collect
from scrapers.options import parse
from scrapers.recipe import Recipe
from tests.fakes.image_server import ADDRESS, Server
from tests.fakes.photographs import Photo, photos, synthetic

BODY = synthetic(0)
IMAGES = photos(4)  # what the fixture `server` serves
PAGE = (b'<p>Clouds</p><img src="/img/%d.jpg">', "text/html")  # of an image's number
# Everything in parallel, retries without waiting.
FAST = {"rate": 0, "concurrency": 8, "workers": 8, "backoff": 0.01, "timeout": 1.0, "attempts": 3}


def recipe(*sources: dict[str, Any], **changes: Any) -> Recipe:
    """A recipe with a valid contact and limits that do not make tests wait."""
    limits = FAST | changes.pop("limits", {})
    base = {"name": "test", "contact": "me@gan-color.invalid", "min_side": 64, "limits": limits}
    return parse(Recipe, {**base, "sources": list(sources), **changes}, "test")


def url_list(folder: Path, addresses: list[str]) -> dict[str, Any]:
    """A `urls` source over these addresses, all CC0."""
    path = folder / "list.txt"
    path.write_text("\n".join(addresses))
    return {"kind": "urls", "files": [path], "license": "cc0"}


def run(made: Recipe, folder: Path) -> Summary:
    """Collect with the local server's address allowed."""
    return collect(made, folder, [ADDRESS])


def stored(folder: Path, server: Server) -> list[str]:
    """The server paths of the images in a folder, checked against its manifest."""
    rows = manifest.read(folder)
    files = {path.name for path in (folder / "images").iterdir()}
    assert files == {Path(row.file).name for row in rows}
    bodies = {photo.body: path for path, photo in server.photos.items()}
    return sorted(bodies[(folder / row.file).read_bytes()] for row in rows)


def paths(server: Server) -> list[str]:
    """What the server was asked for."""
    return [request.path for request in server.log]


def many(count: int, **changes: Any) -> list[Photo]:
    """Images that differ only in a few bytes after the JPEG's end, which readers ignore."""
    return [
        Photo(i, BODY + i.to_bytes(4, "big"), 320, 280, title=f"Alps {i}", **changes)
        for i in range(count)
    ]


def found(
    folder: Path, server: Server, source: dict[str, Any], **changes: Any
) -> tuple[dict[str, manifest.Row], dict[str, int], str]:
    """(rows by id, rejections, error) of one source against the server."""
    made = recipe(source, **changes)
    summary = run(made, folder)
    stored(folder, server)
    rows = {row.id: row for row in manifest.read(folder)}
    return rows, summary.rejected[source["kind"]], summary.errors.get(source["kind"], "")
