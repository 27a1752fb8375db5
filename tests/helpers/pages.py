"""What holds for every page that is written to a file."""

import re
from pathlib import Path

NASTY, ESCAPED = '<b>&"x', "&lt;b&gt;&amp;&#34;x"


def check_page(path: Path) -> str:
    """The page's text, after checks that it fetches nothing and that NASTY is text in it."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert not re.search(r"(src|href)=[\"'](?!data:)|https?:|@import|url\(", text)
    assert "<b>&" not in text
    assert NASTY not in text
    return text
