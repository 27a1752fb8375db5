"""Folders that version 0 wrote (fixtures/v0/dataset) still load, resume and export."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scrapers import manifest
from scrapers.checks.rules import Rules
from scrapers.collect.store import Store
from tests.fakes.image_server import Server
from tests.helpers.recipes import recipe, url_list
from tests.helpers.runs import REPOSITORY


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(REPOSITORY / "tests/fixtures/v0/dataset", tmp_path / "set"))


def test_a_collection_resumes_from_old_journals(folder, tmp_path):
    store = Store(recipe(url_list(tmp_path, [])), folder)
    rows = manifest.read(folder)
    assert store.known == {row.id for row in rows}
    assert len(store.known) == 6
    assert store.partial.keys() >= store.known
    assert store.rejected == {"url-83571e6012a2d067a3ac": "http-404"}
    store.close()
    table = pq.read_table(folder / "manifest.parquet")
    assert tuple(table.column_names) == manifest.NAMES
    assert set(table["license"].to_pylist()) == {"cc0"}
    assert set(table["license_version"].to_pylist()) == {"1.0"}
    assert all("publicdomain/zero" in url for url in table["license_url"].to_pylist())


def test_cached_results_are_of_the_rules_that_they_name(folder):
    cached = list(manifest.read_rows(folder / ".clean" / "examined.jsonl"))
    assert cached
    today = Rules().model_dump(mode="json")
    assert all(row["rules"].items() <= today.items() for row in cached)
    assert all(row["rules"] != today for row in cached)  # fewer checks: none of them is reused


@pytest.mark.parametrize("name", ["manifest.jsonl", "manifest.parquet"])
def test_an_old_manifest_is_a_url_list_with_licenses(folder, tmp_path, name):
    from scrapers.fetch.client import Client
    from scrapers.sources import items

    with Server() as server:
        made = recipe({"kind": "urls", "files": [folder / name]})
        client = Client(made.contact, made.limits, None, [server.address])
        assert {item.license.id for item in items(made, client, "urls", 0)} == {"cc0"}
