"""An evaluation in parts: interrupted, in chunks, by several processes."""

import hashlib
import json
from pathlib import Path

import pytest

from gan_color.evaluation import evaluator
from gan_color.evaluation.evaluator import evaluate
from gan_color.evaluation.feature_extractors import BackboneExtractor
from gan_color.evaluation.per_image import Measurer, MetricNetworks
from gan_color.evaluation.predictors import baseline
from tests.helpers.evaluating import CPU, SMALL, figures, tint
from tests.helpers.processes import in_two_ranks
from tests.helpers.weights import backbone_file


def test_an_interrupted_evaluation_goes_on(photographs, networks, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluator, "CHUNK", 2)
    whole = figures([tint(), baseline("gray")], photographs, tmp_path / "whole", networks)
    measured = []
    original = Measurer.measure

    def interrupted(self: Measurer, paths, images):
        if len(measured) == 2:
            measured.append(None)
            raise KeyboardInterrupt
        measured.append(paths)
        return original(self, paths, images)

    monkeypatch.setattr(Measurer, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        figures([tint(), baseline("gray")], photographs, tmp_path / "part", networks)
    part = next((tmp_path / "part").glob(".evaluate-*"))
    (part / "chunk-000001.safetensors").write_bytes(b"half-written by a full disk")
    again = figures([tint(), baseline("gray")], photographs, tmp_path / "part", networks)
    assert len(measured) == 3 + 3  # of four chunks one was there and whole
    assert "resuming: 1/4 chunks cached" in capsys.readouterr().err
    assert json.dumps(again) == json.dumps(whole)
    other = figures([tint(0.3)], photographs, tmp_path / "part", networks)
    assert other["tint"]["psnr"] != whole["tint"]["psnr"]


def test_what_was_measured_with_other_weights_is_not_gone_on_with(photographs, tmp_path):
    """The unfinished store of one weights file is no start for another's evaluation."""
    digests = []
    for seed in (0, 1):
        path = backbone_file(tmp_path, seed)
        networks = MetricNetworks([BackboneExtractor("resnet18", str(path))])
        found = figures([tint()], photographs, tmp_path, networks)["tint"]
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
        assert found["weights_sha256"] == {"frechet": digests[-1]}
    assert len(list(tmp_path.glob(".evaluate-*"))) == len(set(digests)) == 2


def test_the_size_of_chunks_changes_nothing(photographs, networks, tmp_path, monkeypatch):
    one = figures([tint()], photographs, tmp_path / "one", networks)["tint"]
    monkeypatch.setattr(evaluator, "CHUNK", 4)
    other = figures([tint()], photographs, tmp_path / "other", networks)["tint"]
    assert other["frechet"] == pytest.approx(one["frechet"], rel=1e-4)
    for key in ("psnr", "ssim", "delta_e2000", "colorfulness", "ab_histogram_distance"):
        assert other[key] == pytest.approx(one[key], rel=1e-6), key
        assert other[f"{key}_ci"] == pytest.approx(one[f"{key}_ci"], rel=1e-6), key


def _evaluate_rank(rank: int, data: Path, work: Path) -> None:
    evaluator.CHUNK = 2
    results, _ = evaluate([tint()], data, SMALL, MetricNetworks(), CPU, work)
    if rank == 0:
        (work / "found.json").write_text(json.dumps(results[0].figures))
    else:
        assert results == []


def test_two_processes_share_the_images(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluator, "CHUNK", 2)
    alone = figures([tint()], photographs, tmp_path / "run_isolated")["tint"]
    work = tmp_path / "shared"
    work.mkdir()
    in_two_ranks(_evaluate_rank, photographs, work)
    together = json.loads((work / "found.json").read_text())
    del together["command"], alone["command"]
    assert together == json.loads(json.dumps(alone))
