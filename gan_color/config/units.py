"""Amounts as a person writes them: 16GB, 15.5 GiB."""

import re

from gan_color.errors import GanColorError

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def parse_bytes(text: str, key: str) -> int:
    """ "16GB", "16 GiB", "15.5g" -> bytes, in units of 1,024; GanColorError, which names the
    option `key`, for anything else.
    """
    found = re.fullmatch(r"\s*([0-9.]+)\s*([kmg]?)i?b?\s*", text.lower())
    try:
        assert found is not None
        size = int(float(found[1]) * _UNITS[found[2]])
    except (AssertionError, ValueError):
        size = 0
    if size <= 0:
        raise GanColorError(f"{key}: found {text!r}, expected a size such as 16GB")
    return size
