"""What the documentation shows of Python runs."""

import re
from pathlib import Path

from tests.helpers.runs import REPOSITORY


def test_the_loop_of_ones_own_trains(tmp_path: Path, monkeypatch, capsys):
    text = (REPOSITORY / "docs" / "train.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.splitlines()) < 40
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/train.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("'feature_matching': " in line and "'discriminator': " in line for line in lines)
