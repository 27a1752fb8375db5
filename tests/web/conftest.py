"""The server in a real process, and a real browser, for every test of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from gan_color.web import site as sites
from tests.helpers.clock import SkippingLoop
from tests.helpers.onnxruntime_web import real_package
from tests.helpers.web_photos import write_model_with_palettes
from tests.helpers.web_server import CHROMIUM, NGINX, Server


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """One to ask directly, one for a proxy; they start together."""
    options = {"": ()} if NGINX is None else {"": (), "/color": ("--root-path", "/color")}
    found = {
        path: Server(tmp_path_factory.mktemp("server"), *chosen) for path, chosen in options.items()
    }
    yield found
    for each in found.values():
        each.stop()


@pytest.fixture(scope="session")
def server(servers: dict[str, Server]) -> Server:
    return servers[""]


@pytest.fixture(scope="module")  # its event loop must not outlive the file
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def hinted(server: Server) -> Iterator[None]:
    """The server with one more model, the first: it takes hints and has variants."""
    path = server.models / "a hinted.safetensors"
    write_model_with_palettes(path)
    yield
    path.unlink()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that takes hints and has variants: what a static site is made of."""
    path = tmp_path_factory.mktemp("model") / "my model.safetensors"
    write_model_with_palettes(path)
    return path


@pytest.fixture(scope="session")
def site(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its static site."""
    package = real_package()
    folder = tmp_path_factory.mktemp("sites") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "EXAMPLES", ("coffee",))
        sites.write_site(model, folder, package)
    return folder


@pytest.fixture
def loop() -> Iterator[SkippingLoop]:
    """For a server in this process; `asyncio.Runner` may have closed it by the end."""
    found = SkippingLoop()
    yield found
    found.close()
