"""Pictures as files have them: any format in, the same format out, nothing lost on the way.

Between reading and writing a picture is upright sRGB at 8 or 16 bit, with its alpha and its
metadata beside it.
"""

from gan_color.pictures.picture import Picture, side_by_side
from gan_color.pictures.reading import read
from gan_color.pictures.writing import KINDS, SUFFIX_KINDS, encode, save

__all__ = ["KINDS", "SUFFIX_KINDS", "Picture", "encode", "read", "save", "side_by_side"]
