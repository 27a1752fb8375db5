"""Every link of every page leads to a file of the repository, or to a heading of one."""

import re
from pathlib import Path

import pytest

from tests.helpers.runs import REPOSITORY


def pages() -> list[str]:
    """The pages of the project; data, runs and environments are skipped."""
    found = [path.relative_to(REPOSITORY) for path in REPOSITORY.glob("*.md")]
    for folder in ("benchmarks", "configs", "datasets", "docs", "gan_color", "scrapers", "tests"):
        depth = "*.md" if folder == "datasets" else "**/*.md"
        found += [path.relative_to(REPOSITORY) for path in (REPOSITORY / folder).glob(depth)]
    return sorted(path.as_posix() for path in found)


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to headings."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", title.strip().lower()) for title in titles)
    return {title.replace(" ", "-") for title in kept}


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page: str):
    path = REPOSITORY / page
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_the_pages_have_links():
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md"} <= set(pages())
    assert "three-commands" in anchors(REPOSITORY / "README.md")
