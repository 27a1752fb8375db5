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


def at_least_one_each(
    train: list[ImageFile], val: list[ImageFile]
) -> tuple[list[ImageFile], list[ImageFile]]:
    """The same two, or, where one is empty, with the content that is nearest to it moved there.

    What moves depends on content alone as well. Both empty, or copies of one image only: no change.
    """
    files = [*train, *val]
    digests = sorted({file.digest for file in files})
    if (train and val) or len(digests) < 2:
        return train, val
    validates = {digests[0]} if train else set(digests[:-1])
    return (
        [file for file in files if file.digest not in validates],
        [file for file in files if file.digest in validates],
    )
