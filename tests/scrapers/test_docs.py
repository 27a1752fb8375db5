"""The documented commands run."""

import re
import shlex
from pathlib import Path

import pytest

from scrapers.cli import main
from tests.fakes.photographs import synthetic

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "datasets/README.md"])
def test_documented_commands_run_in_order(page, tmp_path, monkeypatch):
    blocks = re.findall(r"```console\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.strip().splitlines()]
    assert len(commands) >= 3
    datasets = tmp_path / "datasets"
    (datasets / "own").mkdir(parents=True)
    for i in range(8):
        (datasets / "own" / f"{i}.jpg").write_bytes(synthetic(i, 200, 160))
    # The same name, but local images: the real recipe needs the internet.
    (datasets / "landscapes.yml").write_text(
        "{name: landscapes, contact: me@gan-color.invalid, licenses: [own], min_side: 64, "
        "sources: [{kind: folder, path: own, license: own}]}"
    )
    monkeypatch.chdir(tmp_path)
    for words in commands:
        assert words[:3] == ["python", "-m", "scrapers"]
        assert main(words[3:]) == 0, words
    assert list((datasets / "landscapes" / "images" / "train").iterdir())


def test_links_in_the_datasets_readme_resolve():
    text = (REPOSITORY / "datasets" / "README.md").read_text()
    local = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert local
    assert [link for link in local if not (REPOSITORY / "datasets" / link).exists()] == []
