"""Which images are drawn, how often, and by which rank."""

from pathlib import Path

import numpy as np
import pytest

from gan_color.config.data import DataConfig, FolderConfig
from gan_color.data.index import ImageFile
from gan_color.data.loaders import KeySampler, draw_probabilities
from gan_color.errors import GanColorError


def files_of(*counts: int) -> list[ImageFile]:
    return [
        ImageFile(Path(f"{g}_{i}"), f"{i}", False, label=g, source=str(g), folder=g)
        for g, count in enumerate(counts)
        for i in range(count)
    ]


def shares(files: list[ImageFile], p: np.ndarray) -> np.ndarray:
    return np.bincount([f.folder for f in files], weights=p)


def test_balance_moves_from_equal_files_to_equal_groups():
    files = files_of(90, 10)
    folders = tuple(FolderConfig(path=str(i)) for i in range(2))

    def found(**options: object) -> np.ndarray:
        data = DataConfig(samples=True, **options)
        return shares(files, draw_probabilities(files, data, folders))

    assert np.allclose(found(), [0.9, 0.1])
    assert np.allclose(found(balance=1.0), [0.5, 0.5])
    assert np.allclose(found(balance=1.0, balance_by="class"), [0.5, 0.5])
    assert np.allclose(found(balance=0.5), [0.75, 0.25])


def test_folder_weights_set_the_share_of_the_draws():
    files = files_of(90, 10)
    folders = (FolderConfig(path="a", weight=1), FolderConfig(path="b", weight=3))
    p = draw_probabilities(files, DataConfig(samples=True, balance=0.5), folders)
    assert np.allclose(shares(files, p), [0.25, 0.75])
    folders = (FolderConfig(path="a", weight=0), FolderConfig(path="b", weight=0))
    with pytest.raises(GanColorError, match="every weight is 0"):
        draw_probabilities(files, DataConfig(samples=True), folders)


def test_source_weights_multiply_the_draws_of_a_source():
    files = files_of(50, 50)
    folders = tuple(FolderConfig(path=str(i)) for i in range(2))
    data = DataConfig(samples=True, source_weights={"1": 3})
    assert np.allclose(shares(files, draw_probabilities(files, data, folders)), [0.25, 0.75])
    unknown = DataConfig(samples=True, source_weights={"2": 3})
    with pytest.raises(GanColorError, match="found 2, expected sources of the data: 0, 1"):
        draw_probabilities(files, unknown, folders)


def test_equal_probabilities_draw_no_file_twice_before_all_once():
    sampler = KeySampler(np.full(10, 0.1), 5, 4, (0,))
    counts = np.bincount([i for batch in sampler for i, _ in batch], minlength=10)
    assert counts.tolist() == [2] * 10
    half = KeySampler(np.full(10, 0.1), 1, 5, (0,))
    assert np.bincount([i for b in half for i, _ in b]).max() == 1


def test_ranks_share_out_the_batches_of_one_process():
    p = np.full(10, 0.1)
    whole = list(KeySampler(p, 3, 4, (1,)))
    parts = [list(KeySampler(p, 3, 4, (1,), rank, 2)) for rank in range(2)]
    assert [a + b for a, b in zip(*parts, strict=True)] == whole
    with pytest.raises(GanColorError, match="multiple of the 3 ranks"):
        KeySampler(p, 3, 4, (1,), 0, 3)
