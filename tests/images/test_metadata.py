"""EXIF keeps its types and values, XMP what still holds, and a photo never fails by either."""

import io
import struct
import warnings
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from gan_color.images.decode import read
from gan_color.images.encode import KINDS, encode, save
from tests.helpers.image_files import DEEP, file_bytes, tiff

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
NOTE_AT = 700
# (type, count, value), one of each type, inline values and others, in big-endian order.
MAIN = {
    0x010E: (2, 5, b"cafe\0"),
    0x013B: (2, 3, b"me\0"),
    0x4746: (3, 1, b"\0\3"),
    0x9C9B: (1, 8, "attic".encode("utf-16-le")[:8]),
    0xA430: (7, 4, b"\1\2\3\4"),
    0xC000: (6, 3, b"\xff\1\2"),
    0xC001: (8, 3, b"\xff\xfe\0\1\0\2"),
    0xC002: (9, 2, b"\xff\xff\xff\0\0\0\0\1"),
    0xC003: (11, 1, struct.pack(">f", 1.5)),
    0xC004: (12, 2, struct.pack(">dd", 1.5, -2.5)),
    0xC005: (4, 0, b""),
}
EXIF = {
    0x829A: (5, 1, struct.pack(">II", 10, 1250)),  # not reduced to 1/125
    0x829D: (5, 2, struct.pack(">IIII", 0, 0, 28, 10)),
    0x9204: (10, 1, struct.pack(">ii", -2, 6)),
    0x927C: (7, 40, bytes(range(40))),
    0x9286: (7, 12, b"UNICODE\0\0h\0i"),
    0xA001: (3, 1, b"\0\1"),
    0xA002: (4, 1, struct.pack(">I", 60)),
    0xA003: (3, 1, struct.pack(">H", 40)),
}
GPS = {1: (2, 2, b"N\0"), 2: (5, 3, struct.pack(">6I", 48, 1, 0, 0, 0, 1)), 0: (1, 4, b"\2\3\0\0")}
INTEROP = {1: (2, 4, b"R98\0"), 2: (7, 4, b"0100")}


def exif_block() -> bytes:
    """The directories above, with a thumbnail, as a camera writes them."""
    out = bytearray(b"MM\0*" + struct.pack(">I", 8) + bytes(NOTE_AT + 400))
    free = [NOTE_AT + 60]

    def directory(at: int, tags: dict, last: int = 0) -> None:
        struct.pack_into(">H", out, at, len(tags))
        for i, (tag, (kind, count, value)) in enumerate(sorted(tags.items())):
            place = at + 2 + 12 * i
            struct.pack_into(">HHI", out, place, tag, kind, count)
            where = place + 8
            if len(value) > 4:
                where = NOTE_AT if tag == 0x927C else free[0]
                free[0] += 0 if tag == 0x927C else len(value) + len(value) % 2
                struct.pack_into(">I", out, place + 8, where)
            out[where : where + len(value)] = value
        struct.pack_into(">I", out, at + 2 + 12 * len(tags), last)

    def pointer(to: int) -> tuple:
        return 4, 1, struct.pack(">I", to)

    directory(8, {**MAIN, 0x0112: (3, 1, b"\0\1"), 0x8769: pointer(220), 0x8825: pointer(400)}, 600)
    directory(220, {**EXIF, 0xA005: pointer(500)})
    directory(400, GPS)
    directory(500, INTEROP)
    directory(600, {0x0201: pointer(1090), 0x0202: (4, 1, struct.pack(">I", 9))})
    out[1090:1099] = b"thumbnail"
    return b"Exif\0\0" + bytes(out)


def walk(data: bytes) -> dict[str, dict[int, tuple]]:
    """Every directory of a block or TIFF, by hand."""
    data = data.removeprefix(b"Exif\0\0")
    order = "<" if data[:2] == b"II" else ">"
    found: dict[str, dict[int, tuple]] = {}

    def follow(name: str, at: int) -> None:
        tags = found[name] = {}
        (count,) = struct.unpack_from(order + "H", data, at)
        for i in range(count):
            tag, kind, number = struct.unpack_from(order + "HHI", data, at + 2 + 12 * i)
            place, length = at + 10 + 12 * i, SIZES[kind] * number
            if length > 4:
                (place,) = struct.unpack_from(order + "I", data, place)
            tags[tag] = kind, number, data[place : place + length]
            inner = {0x8769: "exif", 0x8825: "gps", 0xA005: "interop"}.get(tag)
            if inner:
                follow(inner, int.from_bytes(tags[tag][2], "little" if order == "<" else "big"))
        if name == "main":
            (found["next"],) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)

    follow("main", struct.unpack_from(order + "I", data, 4)[0])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_tag_keeps_its_type_and_value(kind: str, coffee: Image.Image):
    source = read(file_bytes(coffee.resize((60, 40)), "JPEG", exif=exif_block()))
    data = encode(source, kind, note="colorized")
    block = data if kind == "TIFF" else Image.open(io.BytesIO(data)).info["exif"]
    found = walk(block)
    expected = {"main": MAIN, "exif": EXIF, "gps": GPS, "interop": INTEROP}
    for name, tags in expected.items():
        for tag, value in tags.items():
            assert found[name][tag] == value, (name, hex(tag))
    if kind != "TIFF":
        added = {0x0131, 0x0112, 0x8769, 0x8825}  # HEIF's writer says that it lies upright
        assert set(found["main"]) - set(MAIN) <= added
        assert found["next"] == 0
        assert b"thumbnail" not in bytes(block)
        raw = bytes(block).removeprefix(b"Exif\0\0")
        assert raw[NOTE_AT : NOTE_AT + 40] == bytes(range(40))  # its own offsets count from there
    assert set(found["interop"]) == set(INTEROP)


def test_a_tiff_with_blocks_is_read_as_well(coffee: Image.Image):
    source = read(file_bytes(coffee.resize((60, 40)), "JPEG", exif=exif_block()))
    again = read(encode(source, "TIFF"))
    found = walk(again.metadata.exif)
    assert found["exif"] == {**EXIF, 0xA005: found["exif"][0xA005]}
    assert found["interop"] == INTEROP
    assert {tag: found["main"][tag] for tag in MAIN} == MAIN


def test_what_is_no_longer_so_is_changed(coffee: Image.Image):
    block = exif_block()
    block = block.replace(b"R98\0", b"R03\0").replace(
        struct.pack(">HHI", 0xA001, 3, 1) + b"\0\1", struct.pack(">HHI", 0xA001, 3, 1) + b"\xff\xff"
    )
    found = walk(read(file_bytes(coffee.resize((300, 200)), "JPEG", exif=block)).metadata.exif)
    assert found["exif"][0xA001] == (3, 1, b"\0\1")
    assert found["interop"][1] == (2, 4, b"R98\0")
    assert int.from_bytes(found["exif"][0xA002][2], "big") == 300
    assert int.from_bytes(found["exif"][0xA003][2], "big") == 200


PACKET = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:d="http://ns.adobe.com/tiff/1.0/"
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" d:Orientation="1" d:Make="Kodak"
 hdrgm:Version="1.0" photoshop:ICCProfile="Adobe RGB (1998)" photoshop:City="Wien"
 exif:PixelXDimension="4000" exif:FNumber="28/10" GCamera:MicroVideo="1">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">grandmother &amp; aunt</rdf:li></rdf:Alt></dc:title>
<xmp:Thumbnails><rdf:Alt><rdf:li>AAAA</rdf:li></rdf:Alt></xmp:Thumbnails>
<xmp:Rating>5</xmp:Rating><d:ImageWidth>4000</d:ImageWidth>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


@pytest.mark.parametrize("kind", KINDS)
def test_xmp_describes_the_photo_and_not_the_old_file(kind: str, coffee: Image.Image):
    photo = read(file_bytes(coffee.resize((60, 40)), "JPEG", xmp=PACKET))
    found = read(encode(photo, kind)).metadata.xmp
    for kept in (b"Kodak", b"grandmother &amp; aunt", b"Wien", b"28/10", b">5<", b"<?xpacket"):
        assert kept in found
    for gone in (b"Orientation", b"Version=", b"ICCProfile", b"Dimension", b"MicroVideo=",
                 b"Thumbnails", b"ImageWidth"):  # fmt: skip
        assert gone not in found


def test_long_metadata_is_told_and_costs_no_photo(coffee: Image.Image, tmp_path: Path):
    small = coffee.resize((60, 40))
    title = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><t>" + b"x" * 70_000 + b"</t></x:xmpmeta>"
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", title.decode())
    info.add_itxt("Comment", "y" * 2_000_000, zip=True)
    exif = Image.Exif()
    exif[0x013B] = "uncle"
    exif.get_ifd(0x8769)[0x927C] = b"n" * 70_000
    (tmp_path / "a.png").write_bytes(file_bytes(small, "PNG", pnginfo=info, exif=exif))
    photo = read(tmp_path / "a.png")
    assert len(photo.metadata.texts[0][1]) == 2_000_000
    with pytest.warns(UserWarning, match=r"b\.jpg: ") as told:
        save(photo, tmp_path / "b.jpg", note="colorized")
    said = [str(each.message) for each in told]
    assert all(line.startswith(f"{tmp_path / 'b.jpg'}: ") for line in said)
    assert any("maker's note was dropped" in line for line in said)
    assert any("XMP is too long for JPEG" in line for line in said)
    tags = Image.open(tmp_path / "b.jpg").getexif()
    assert (tags[0x013B], tags[0x0131]) == ("uncle", "colorized")
    exif[0x013B] = "u" * 70_000
    with pytest.warns(UserWarning, match="EXIF is too long for JPEG: it was dropped"):
        data = encode(read(file_bytes(small, "PNG", exif=exif)), "JPEG", note="colorized")
    assert Image.open(io.BytesIO(data)).getexif()[0x0131] == "colorized"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in set(KINDS) - {"JPEG"}:
            assert read(encode(photo, kind)).metadata.xmp == title


def test_tags_that_cannot_be_read_are_left_out_and_told(coffee: Image.Image, tmp_path: Path):
    block = exif_block()
    at = block.index(struct.pack(">HHI", 0x829A, 5, 1)) + 8
    path = tmp_path / "x.jpg"
    coffee.resize((60, 40)).save(path, exif=block[:at] + b"\x7f\0\0\0" + block[at + 4 :])
    with pytest.warns(
        UserWarning, match="EXIF block is damaged: what was readable was kept"
    ) as told:
        found = walk(read(path).metadata.exif)
    assert str(told[0].message).startswith(str(path))
    assert 0x829A not in found["exif"]
    assert found["main"][0x013B] == MAIN[0x013B]


def test_photoshops_layers_stay_behind():
    data = tiff(DEEP, photometric="rgb", extratags=[(0x8649, "B", 6, b"thumbs", True),
                                                    (0x013B, "s", 0, "uncle", True)])  # fmt: skip
    found = walk(read(data).metadata.exif)["main"]
    assert found[0x013B][2] == b"uncle\0"
    assert 0x8649 not in found
