"""Shared by the scrapers' tests."""

from collections.abc import Iterator

import pytest

from tests.fakes.image_server import Server
from tests.helpers.recipes import IMAGES


@pytest.fixture
def server() -> Iterator[Server]:
    """With four photographs, /img/0.jpg and so on. A module that wants others has its own."""
    with Server(IMAGES) as running:
        yield running
