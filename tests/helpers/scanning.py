"""Folders of images as training finds them."""

from pathlib import Path

from gan_color.config.data import DataConfig
from gan_color.data import index
from gan_color.data.index import ScanCache, scan


def index_of(folder: Path, cache: ScanCache | None = None, **options: object) -> index.Index:
    """What a scan of a folder finds, `options` of `data`."""
    data = DataConfig(folders=(folder,), **options)
    return scan(data.folders, data, cache or ScanCache(None))
