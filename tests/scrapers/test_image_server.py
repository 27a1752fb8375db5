"""The fake image services as a process, as the notebook and the benchmarks start them."""

import json
import subprocess
import sys

import pytest
import requests

from benchmarks.scraping.benches import run
from tests.helpers.runs import REPOSITORY


@pytest.mark.parametrize("ended_by", ["stdin", "terminate"])
def test_the_process_prints_its_address_and_serves_until_it_is_ended(ended_by):
    command = [sys.executable, "-m", "tests.fakes.image_server"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY) as process:
        found = json.loads(process.stdout.readline())
        assert found["url"].startswith(f"http://{found['address']}:")
        assert len(found["images"]) == 17
        assert requests.get(found["images"][0], timeout=9).content.startswith(b"\xff\xd8")
        process.stdin.close() if ended_by == "stdin" else process.terminate()
        process.wait(9)
    with pytest.raises(requests.ConnectionError):
        requests.get(found["url"], timeout=9)


def test_benchmarks_run_against_the_process():
    assert run("collect", 4, None, None).startswith("collect: 4 images of ")
    assert run("clean", 3, None, None).startswith("clean: 3 images in ")


def test_the_whole_way_is_measured_step_by_step(tmp_path):
    lines = run("scale", 12, tmp_path, None).splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:6]]
    assert [row[0] for row in table] == ["clean", "clean again", "split", "pack"]
    assert all(float(cell.replace(",", "")) > 0 for row in table for cell in row[1:])
    assert lines[-1].startswith("12 of them kept and packed")
    assert not list(tmp_path.iterdir())
