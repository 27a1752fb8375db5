"""What a PNG says of its colors without an ICC profile: cICP, or gAMA and cHRM, as a profile.

https://www.w3.org/TR/png-3, sections 4.3 and 11.3.2; the numbers of cICP are those of ITU-T H.273.
gan_color/images/png_color.py does the same for training; a test holds the two to each other.
"""

import struct
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from scrapers.errors import BadImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAID = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")  # in the order that a reader has to prefer
D65 = (0.3127, 0.329)
BT_709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
PRIMARIES = {1: BT_709, 9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
             12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)}  # fmt: skip
HDR = {16: "PQ", 18: "HLG"}
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # transfer characteristics that are a plain power
SRGB, VIDEO = 13, (1, 6, 14, 15)
# libpng's: what differs less from sRGB's 1 / 2.2 is what programs meant by sRGB.
SAME_GAMMA = 0.05
SCALE = 100_000
CICP_BYTES = 4
CLOSE = 0.002  # of chromaticities: files round them
STEPS = 4096


def chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a PNG that say what its colors are; they stand before the pixels."""
    found: dict[bytes, bytes] = {}
    with path.open("rb") as file:
        file.seek(len(SIGNATURE))
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind in (b"IDAT", b"IEND"):
                break
            if kind in SAID and kind != b"iCCP":
                found[kind] = file.read(length)
                file.seek(4, 1)
            else:
                found |= {kind: b""} if kind == b"iCCP" else {}
                file.seek(length + 4, 1)
    return found


def declare(image: Image.Image, path: Path) -> None:
    """Give an opened PNG the profile that its chunks describe, unless that is sRGB.

    Raises BadImageError for HDR, and for numbers in cICP that are not known.
    """
    found = chunks(path)
    gray = image.mode in ("1", "L", "LA", "I", "I;16")
    if b"cICP" in found and len(found[b"cICP"]) == CICP_BYTES and 2 not in found[b"cICP"][:2]:
        image.info.pop("icc_profile", None)
        profile = _of_cicp(found[b"cICP"], gray)
    elif b"iCCP" in found or b"sRGB" in found:
        return
    else:
        profile = _of_gamma(found.get(b"gAMA", b""), found.get(b"cHRM", b""), gray)
    if profile is not None:
        image.info["icc_profile"] = profile


def _of_cicp(cicp: bytes, gray: bool) -> bytes | None:
    primaries, transfer, matrix, full = cicp
    if transfer in HDR:
        raise BadImageError(
            "unsupported", f"an HDR picture ({HDR[transfer]}), expected SDR: convert it first"
        )
    known = primaries in PRIMARIES and transfer in (SRGB, *VIDEO, *GAMMAS)
    if not known or (matrix, full) != (0, 1):
        raise BadImageError(
            "unsupported",
            f"colors of the kind cICP {primaries}-{transfer}-{matrix}-{full}, which is not known: "
            "convert it to sRGB first",
        )
    if transfer in GAMMAS:
        return _profile((*D65, *PRIMARIES[primaries]), GAMMAS[transfer], "", gray)
    curve = "srgb" if transfer == SRGB else "video"
    if curve == "srgb" and (gray or primaries == 1):
        return None
    return _profile((*D65, *PRIMARIES[primaries]), 0.0, curve, gray)


def _of_gamma(gamma: bytes, chromaticities: bytes, gray: bool) -> bytes | None:
    power, points = 0.0, (*D65, *BT_709)
    try:
        if gamma:
            power = SCALE / struct.unpack(">I", gamma)[0]
        if chromaticities:
            points = tuple(value / SCALE for value in struct.unpack(">8I", chromaticities))
    except (struct.error, ZeroDivisionError):
        return gamma + chromaticities  # no profile: whoever reads it says that it is damaged
    as_srgb = not power or abs(power / 2.2 - 1) < SAME_GAMMA
    close = np.abs(np.subtract(points, (*D65, *BT_709))).max() < CLOSE
    if as_srgb and (gray or close):
        return None
    return _profile(points, 0.0 if as_srgb else power, "srgb" if as_srgb else "", gray)


@lru_cache(maxsize=16)
def _profile(points: tuple[float, ...], power: float, curve: str, gray: bool) -> bytes:
    """An ICC profile of white, red, green and blue (x, y each) and a power or a named curve."""
    import imagecodecs

    v = np.linspace(0, 1, STEPS)
    if curve == "srgb":
        v = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    elif curve == "video":  # the inverse of BT.709's camera curve
        v = np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))
    else:
        v = v**power
    light = (v * 65535).round().astype(np.uint16)
    if gray:
        return bytes(imagecodecs.cms_profile("gray", transferfunction=light))
    corners = [value for i in range(2, 8, 2) for value in (*points[i : i + 2], 1.0)]
    return bytes(
        imagecodecs.cms_profile(
            "rgb", whitepoint=[*points[:2], 1.0], primaries=corners, transferfunction=light
        )
    )
