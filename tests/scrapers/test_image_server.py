"""The fake image services as a process, as the notebook and the benchmarks start them."""

import json
import subprocess
import sys

import pytest
import requests

from benchmarks.scraping import run
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
