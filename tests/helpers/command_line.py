"""The command gan-color, called in this process."""

import pytest

from gan_color.cli import main


def run(*arguments: object) -> int:
    try:
        main([str(a) for a in arguments])
    except SystemExit as exit:
        return int(exit.code or 0)
    return 0


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("gan-color: ")
    return lines[0]
