"""Visitors who wait, stall and leave are counted by what they were answered."""

import http.server
import os
import threading
from pathlib import Path

import pytest

from benchmarks import soak
from benchmarks.cli import main
from gan_color.errors import GanColorError
from tests.helpers.web_server import Server


def test_a_server_is_visited_and_what_it_answered_is_told(tmp_path: Path):
    server = Server(tmp_path, "--body-timeout", "1", "--per-address", "3")
    try:
        port = server.url.rsplit(":", 1)[1].strip("/")
        (row,), faults = soak.visit(
            f"http://127.0.0.1:{port}", server.process.pid, 0.08, 4, ((64, 48), (96, 64))
        )
    finally:
        server.stop()
    assert faults == []
    counts = dict(part.split(": ") for part in row["by status"].split(", "))
    assert sum(int(count.replace(",", "")) for count in counts.values()) == row["requests"]
    assert "200" in counts
    assert set(counts) <= {"200", "408", "429", "503", "left", "closed"}
    assert 0 < row["p50 s"] <= row["p95 s"]
    assert min(row["MiB before"], row["MiB after"]) > 50


class Broken(http.server.BaseHTTPRequestHandler):
    answers = (200, 503, 500, None)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.answers[self.server.asked % len(self.answers)]
        self.server.asked += 1
        if answer is not None:
            self.send_response(answer)
            self.end_headers()
            self.wfile.write(b'{"error": "a fault"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def broken() -> str:
    server = http.server.HTTPServer(("127.0.0.1", 0), Broken)
    server.asked = 0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_answers_of_5xx_but_503_and_no_answer_are_faults(broken: str, monkeypatch):
    monkeypatch.setattr(soak, "STALLS", 0)
    monkeypatch.setattr(soak, "LEAVES", 0)
    monkeypatch.setattr(soak, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(soak, "MOST_REQUESTS", 12)
    (row,), faults = soak.visit(broken, os.getpid(), 1, 1, ((64, 48),))
    assert row["by status"] == "200: 3, 500: 3, 503: 3, none: 3"
    assert sorted(fault[:4] for fault in faults) == ["500:"] * 3 + ["none"] * 3
    assert "a fault" in "".join(faults)
    monkeypatch.setattr(Broken, "answers", (503,))
    assert soak.visit(broken, os.getpid(), 1, 1, ((64, 48),))[1] == ["no photo was colorized"]


def test_other_machines_are_not_visited():
    with pytest.raises(GanColorError, match="expected this machine"):
        soak.visit("http://192.0.2.1:80", os.getpid(), 1, 1)


def test_faults_are_one_line_after_the_table(monkeypatch, capsys):
    monkeypatch.setattr(soak, "bench_soak", lambda *_: ([{"requests": 5}], ["500: b'x'", "y"]))
    with pytest.raises(SystemExit) as caught:
        main(["soak", "--minutes", "1"])
    assert caught.value.code == 2
    told = capsys.readouterr()
    assert "| 5 |" in told.out
    assert "found 2 faults, expected none: 500: b'x'" in told.err
    assert told.err.count("\n") == 1
