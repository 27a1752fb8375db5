"""Training and validation files of one folder, split by content."""

from gan_color.data.index import ImageFile


def split_by_digest(
    files: list[ImageFile], valid_share: float
) -> tuple[list[ImageFile], list[ImageFile]]:
    """(training, validation): a file's content alone decides, so copies never straddle the two."""
    edge = int(valid_share * 2**32)
    train: list[ImageFile] = []
    valid: list[ImageFile] = []
    for file in files:
        (valid if int(file.digest[:8], 16) < edge else train).append(file)
    return train, valid
