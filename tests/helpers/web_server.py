"""The server in a process of its own, the page in a browser, and a proxy before it."""

import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from playwright.sync_api import Browser, Page, Route, expect

from gan_color.cli import main
from gan_color.inference import interrupt
from gan_color.web import colorize
from tests.helpers.runs import REPOSITORY
from tests.helpers.web_photos import write_models

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


class Server:
    """`gan-color serve` in a process of its own, with a temporary folder of its own."""

    def __init__(self, folder: Path, *options: str, endless: bool = False) -> None:
        """An endless one colorizes a photo until it is called off."""
        self.temporary, self.log = folder / "tmp", folder / "log"
        self.temporary.mkdir()
        self.models = folder / "models"
        self.models.mkdir()
        arguments = ["--models", str(write_models(self.models)), "--port", "0", *options]
        # Forked from a process that has imported torch: a fresh interpreter takes ten seconds more.
        self.process = multiprocessing.get_context("forkserver").Process(
            target=serve, args=(arguments, self.temporary, self.log, endless)
        )
        self.process.start()

    @cached_property
    def url(self) -> str:
        """The address it listens on; waits until it does."""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", self.output())):
            assert self.process.is_alive(), self.output()
            time.sleep(0.05)
        return found[0]

    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def temporary_files(self) -> list[Path]:
        return [path for path in self.temporary.rglob("*") if path.is_file()]

    def stop(self) -> None:
        os.kill(self.process.pid, signal.SIGINT)
        self.process.join(60)  # a request may be running while other tests use every core
        # As Ctrl-C ends every command.
        assert self.process.exitcode == 130, (self.process.exitcode, self.output())
        assert "Traceback" not in self.output()


def serve(arguments: list[str], temporary: Path, log: Path, endless: bool) -> None:
    # Shells start background jobs with Ctrl-C ignored, and a test run may be one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["TMPDIR"] = str(temporary)
    tempfile.tempdir = None
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    if endless:
        colorize.colorize_photo = _colorize_until_called_off
    main(["serve", *arguments])


def _colorize_until_called_off(*_: object) -> NoReturn:
    while True:
        interrupt.check()
        time.sleep(0.01)


def open_page(browser: Browser, url: str, **options: object) -> tuple[Page, list[str]]:
    """The page, and a list that collects requests to other hosts and everything that fails."""
    page = browser.new_page(**options)  # type: ignore[arg-type]
    wrong: list[str] = []
    here = url.split("/")[2]
    page.on("request", lambda r: None if is_local(r.url, here) else wrong.append(r.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    # The security policy blocks before a request is made; the console reports it.
    page.on("console", lambda m: wrong.append(m.text) if "Content Security" in m.text else None)
    page.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.goto(url)
    expect(page.locator("#models input").first).to_be_checked(timeout=60_000)
    return page, wrong


def hold_next(page: Page) -> Callable[[], None]:
    """The next photo that the page sends waits until what is returned is called."""
    held: list[Route] = []
    page.route("**/api/colorize", lambda route: held.append(route), times=1)

    def let_go() -> None:
        while not held:
            page.wait_for_timeout(10)  # milliseconds, in which it may come
        held.pop().continue_()

    return let_go


def is_local(url: str, here: str) -> bool:
    return url.startswith((f"http://{here}/", "data:", f"blob:http://{here}/"))


@contextmanager
def nginx(folder: Path, upstream: str) -> Iterator[str]:
    """nginx with the configuration of docs/serve.md; yields its address."""
    text = (REPOSITORY / "docs" / "serve.md").read_text()
    (documented,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert documented.count("http://127.0.0.1:7860/") == 1
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr warn;\n"
        f"events {{}}\nhttp {{ access_log off;\n{paths}"
        f"server {{ listen 127.0.0.1:{port};\n"
        f"{documented.replace('http://127.0.0.1:7860/', upstream)}}} }}\n"
    )
    process = subprocess.Popen(
        [str(NGINX), "-c", folder / "nginx.conf", "-e", "stderr"], stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/color/"
    finally:
        process.terminate()
        _, warnings = process.communicate(timeout=10)
    # It would say "a client request body is buffered to a temporary file".
    assert "temporary file" not in warnings, warnings
