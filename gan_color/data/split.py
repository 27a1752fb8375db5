"""Training and validation files of one folder, split by content."""

from gan_color.data.index import ImageFile


def split_by_digest(
    files: list[ImageFile], val_fraction: float
) -> tuple[list[ImageFile], list[ImageFile]]:
    """(training, validation): a file's content alone decides, so copies never straddle the two."""
    edge = int(val_fraction * 2**32)
    train: list[ImageFile] = []
    val: list[ImageFile] = []
    for file in files:
        (val if int(file.digest[:8], 16) < edge else train).append(file)
    return train, val
