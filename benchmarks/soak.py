"""Visitors at a server for some minutes: those who wait, who stall, and who leave.

The server is a process of its own on the loopback address, and so are all visitors: one address,
whose limit (`--per-address`) is raised to what they need.
"""

import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.harness import Row
from benchmarks.inference import photo
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import DEFAULT, find_model

SIZES = ((640, 480), (1600, 1200), (4000, 3000))
MOST_REQUESTS = 100_000  # whatever the time
BODY_SECONDS = 5  # the server's patience with a body; a stall for good waits this long
ANSWER_SECONDS = 120  # twice the server's own limit: no answer by then is a fault
START_SECONDS = 300
STALLS, LEAVES, NEVER_ENDS = 0.15, 0.15, 0.3  # shares of visits; of the stalls that never end
PAUSE_SECONDS = 0.5  # at most, between two visits of one visitor
BOUNDARY = "soak"


@dataclass
class Outcome:
    """What visits came to; filled by all visitors."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)  # of photos that were colorized
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, status: str, fault: str = "", seconds: float | None = None) -> None:
        """Count a visit."""
        with self.lock:
            self.statuses[status] += 1
            self.faults += [fault] if fault else []
            self.seconds += [] if seconds is None else [seconds]


@contextmanager
def start_server(models: Path | None, visitors: int) -> Iterator[tuple[str, int, Path]]:
    """`gan-color serve` on a free port; yields address, process id and the file of its output."""
    with tempfile.TemporaryDirectory() as place:
        log = Path(place, "log")
        if models is None:
            shipped = find_model(DEFAULT)
            Path(place, shipped.name).symlink_to(shipped.resolve())
        command = [sys.executable, "-m", "gan_color", "serve", "--models", str(models or place)]
        command += ["--port", "0", "--per-address", str(2 * visitors)]
        command += ["--body-timeout", str(BODY_SECONDS)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + START_SECONDS
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
                if process.poll() is not None or time.monotonic() > until:
                    raise GanColorError(f"soak: the server did not start: {log.read_text()[-500:]}")
                time.sleep(0.1)
            yield found[0], process.pid, log
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def bench_soak(minutes: float, visitors: int, models: Path | None) -> tuple[list[Row], list[str]]:
    """Start a server and visit it; returns rows and what went wrong."""
    with start_server(models, visitors) as (address, process, log):
        rows, faults = visit(address, process, minutes, visitors)
        if "Traceback" in log.read_text():
            faults.append(f"a traceback of the server: {log.read_text()[-500:]}")
    return rows, faults


def visit(
    address: str,
    process: int,
    minutes: float,
    visitors: int,
    sizes: tuple[tuple[int, int], ...] = SIZES,
) -> tuple[list[Row], list[str]]:
    """Visit a server; returns rows and faults: 5xx but 503, no answer, or none colorized.

    Args:
        address: such as http://127.0.0.1:7860, of this machine only.
        process: the server's, whose memory is told before and after.
        minutes: after which no visit begins.
        visitors: at a time.
        sizes: (width, height) of the photos.
    """
    host, port = urlsplit(address).hostname or "", urlsplit(address).port or 0
    if host != "127.0.0.1":
        raise GanColorError(f"soak: found {host!r}, expected this machine (127.0.0.1)")
    bodies = [_form(photo(size)) for size in sizes]
    outcome = Outcome()
    for body in bodies:  # the model is loaded, and memory has seen the largest photo
        _visit_once((host, port), body, outcome, "waits", 0)
    before = resident_mib(process)
    outcome = Outcome()
    until = time.monotonic() + 60 * minutes

    def stay(number: int) -> None:
        dice = random.Random(number)
        while time.monotonic() < until and outcome.statuses.total() < MOST_REQUESTS:
            kind = dice.random()
            manner = "stalls" if kind < STALLS else "leaves" if kind < STALLS + LEAVES else "waits"
            wait = BODY_SECONDS * (4 if dice.random() < NEVER_ENDS else dice.uniform(0.1, 0.4))
            _visit_once((host, port), dice.choice(bodies), outcome, manner, wait)
            time.sleep(dice.uniform(0, PAUSE_SECONDS))

    with ThreadPoolExecutor(visitors) as pool:
        list(pool.map(stay, range(visitors)))
    after = resident_mib(process)
    if not outcome.seconds:
        outcome.faults.append("no photo was colorized")
    counts = sorted(outcome.statuses.items())
    rows: list[Row] = [
        {
            "minutes": minutes,
            "visitors": visitors,
            "requests": outcome.statuses.total(),
            "by status": ", ".join(f"{name}: {count:,}" for name, count in counts),
            "p50 s": round(_quantile(outcome.seconds, 50), 2),
            "p95 s": round(_quantile(outcome.seconds, 95), 2),
            "MiB before": round(before),
            "MiB after": round(after),
        }
    ]
    return rows, outcome.faults


def _visit_once(
    place: tuple[str, int], body: bytes, outcome: Outcome, manner: str, wait: float
) -> None:
    """One request; `wait`: seconds that a visitor who stalls says nothing in the middle."""
    head = (
        f"POST /api/colorize HTTP/1.1\r\nHost: {place[0]}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    began = time.monotonic()
    answer = b""
    try:
        with socket.create_connection(place, ANSWER_SECONDS) as connection:
            half = len(body) // 2
            connection.sendall(head + body[:half])
            if manner == "stalls":
                connection.settimeout(wait)
                try:
                    answer = connection.recv(1 << 16)  # a refusal may come before the body's end
                except TimeoutError:
                    connection.settimeout(ANSWER_SECONDS)
            if not answer:
                connection.sendall(body[half:])
            if manner == "leaves":
                outcome.add("left")
                return
            while part := connection.recv(1 << 16):
                answer += part
    except OSError as error:
        if not answer:  # of a refusal, whose rest a reset may have cut
            fault = f"{type(error).__name__} after {time.monotonic() - began:.0f} s"
            # The server may close a connection on which somebody stalls.
            outcome.add("closed", "" if manner == "stalls" else fault)
            return
    status = answer[9:12].decode(errors="replace") or "none"
    wrong = status == "none" or (status.startswith("5") and status != "503")
    fault = f"{status}: {answer.partition(b'{')[2][:200]!r}" if wrong else ""
    done = time.monotonic() - began if manner == "waits" and status == "200" else None
    outcome.add(status, fault, done)


def _form(data: bytes) -> bytes:
    disposition = b'Content-Disposition: form-data; name="file"; filename="a.jpg"'
    edge = f"--{BOUNDARY}".encode()
    return b"\r\n".join((edge, disposition, b"", data, edge + b"--", b""))


def _quantile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return sum(values)
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def resident_mib(process: int) -> float:
    """MiB that a process occupies now."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        raise GanColorError(
            f"soak: found no {status}, expected a running server on Linux, whose memory it tells"
        )
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
