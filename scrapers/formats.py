"""Which picture files are read, by content and by name.

`gan_color` has the same table; a test holds the two to each other.
"""

# Pillow's names, and the suffixes that stand for them.
FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".mpo",),  # a JPEG followed by more views
    "PNG": (".png",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
}
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
# Pictures that nothing here reads, and that nobody should lose without a word. Pillow drops the
# color profile of a JPEG 2000 and half of its bits, and a TGA has nothing to be known by.
UNREAD = frozenset(
    (
        *(".svg", ".psd", ".eps", ".ai", ".ico", ".icns", ".xcf", ".dds", ".tga", ".pcx", ".dib"),
        *(".jp2", ".j2k", ".jpf", ".jpx", ".jxl", ".jxr", ".apng", ".avifs", ".hif", ".qoi"),
        *(".exr", ".hdr", ".pam", ".pfm"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
    )
)


def suffix_of(kind: str) -> str:
    """The suffix that a file of a format is written under: one for each, and a JPEG's for MPO."""
    return FORMATS[kind.replace("MPO", "JPEG")][0]
