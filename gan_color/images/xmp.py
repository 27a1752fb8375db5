"""XMP packets, without what describes the file they were in."""

import re
import warnings
from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

TIFF, EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
XMP, PHOTOSHOP = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/photoshop/1.0/"
# All of these namespaces: gain maps, depth maps, and containers of more than one picture.
WHOLE = (
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.apple.com/pixeldatainfo/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/container/item/",
    "http://ns.google.com/photos/1.0/image/",
    "http://ns.google.com/photos/1.0/depthmap/",
    "http://ns.google.com/photos/1.0/camera/",
    "http://ns.google.com/photos/dd/1.0/device/",
    "http://ns.adobe.com/xmp/note/",  # the name of an extended packet, which is not kept
)
SINGLE = {
    XMP: {"Thumbnails"},
    PHOTOSHOP: {"ICCProfile", "ColorMode"},
    TIFF: {
        "ImageWidth", "ImageLength", "BitsPerSample", "Compression", "PhotometricInterpretation",
        "Orientation", "SamplesPerPixel", "PlanarConfiguration", "YCbCrSubSampling",
        "YCbCrPositioning", "TransferFunction", "WhitePoint", "PrimaryChromaticities",
        "YCbCrCoefficients", "ReferenceBlackWhite", "NativeDigest",
    },
    EXIF: {
        "PixelXDimension", "PixelYDimension", "ColorSpace", "ComponentsConfiguration",
        "CompressedBitsPerPixel", "Gamma", "NativeDigest",
    },
}  # fmt: skip

ORIENTATION = re.compile(rb'tiff:Orientation="\d"|<tiff:Orientation>\d</tiff:Orientation>')


def of_the_photo(packet: bytes) -> bytes:
    """The packet with what still holds in another file; warns of one that cannot be read."""
    if not packet.strip(b"\0 \r\n\t"):
        return b""
    try:
        if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
            raise ValueError("with a document type")
        document = minidom.parseString(packet.strip(b"\0"))
    except (ExpatError, ValueError, LookupError):
        packet = ORIENTATION.sub(b"", packet)
        names = (*WHOLE, *(name for names in SINGLE.values() for name in names))
        if b"<!" not in packet and not any(name.encode() in packet for name in names):
            return packet  # not well-formed, as some programs write it, and nothing to take out
        warnings.warn("the XMP packet is damaged and was dropped", stacklevel=2)
        return b""
    if _clean(document) == 0:
        return packet
    cleaned: bytes = document.toxml().removeprefix('<?xml version="1.0" ?>').encode()
    return cleaned


def _clean(node: Any) -> int:
    """Removes attributes and elements; returns how many."""
    gone = 0
    for child in list(node.childNodes):
        if child.nodeType != minidom.Node.ELEMENT_NODE:
            continue
        if _is_of_the_file(child):
            node.removeChild(child)
            gone += 1
            continue
        for attribute in list((child.attributes or {}).values()):
            if _is_of_the_file(attribute):
                child.removeAttributeNode(attribute)
                gone += 1
        gone += _clean(child)
    return gone


def _is_of_the_file(node: Any) -> bool:
    space = node.namespaceURI or ""
    return space in WHOLE or node.localName in SINGLE.get(space, ())
