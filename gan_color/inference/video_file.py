"""What a video is, before anything is computed; without torch, so that it is told at once."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gan_color.errors import GanColorError

if TYPE_CHECKING:
    from av.container import InputContainer

CODECS = {
    ".mp4": "libx264",
    ".mkv": "libx264",
    ".mov": "libx264",
    ".m4v": "libx264",
    ".webm": "libvpx-vp9",
}
HDR_TRANSFERS = (16, 18)  # ITU-T H.273: PQ and HLG
# Containers that say how long they are; others' durations are FFmpeg's guesses.
DECLARING = ("mov", "matroska", "avi", "flv")
LACKING = 0.5  # seconds that may be missing at the end


def import_av() -> ModuleType:
    """PyAV; GanColorError where it is not installed."""
    try:
        import av
    except ImportError:
        raise GanColorError("video: needs PyAV: pip install 'gan-color[video]'") from None
    return av


def check_target(source: Path, target: Path, overwrite: bool) -> str:
    """The codec for a target. Raises GanColorError for one that cannot be written, or would take
    the place of another file.
    """
    codec = CODECS.get(target.suffix.lower())
    if codec is None:
        raise GanColorError(
            f"output: found the suffix {target.suffix!r}, expected one of {', '.join(CODECS)}"
        )
    if not source.is_file():
        raise GanColorError(f"video: found no file {str(source)!r}")
    if target.exists() and target.samefile(source):
        raise GanColorError(f"output: {target} is the input itself, expected another place")
    if target.exists() and not overwrite:
        raise GanColorError(
            f"output: {target} is there already: choose another one, or replace it with --overwrite"
        )
    return codec


def count_frames(source: Path) -> int:
    """The frames of a video's first stream, counted in its packets: not every container says it.

    Raises GanColorError for a file that is no video, is HDR, or ends before it says.
    """
    av = import_av()
    try:
        with av.open(str(source)) as opened:
            if not opened.streams.video:
                raise GanColorError("video: found no video stream")
            first = next(opened.decode(video=0), None)
            if first is None:
                raise GanColorError("video: found no frame")
            if first.color_trc in HDR_TRANSFERS:
                raise GanColorError("video: found HDR frames (PQ or HLG), expected standard range")
        with av.open(str(source)) as opened:
            return _count(source, opened)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise GanColorError(f"video: {source}: {error}") from None


def _count(source: Path, opened: "InputContainer") -> int:
    video = opened.streams.video[0]
    frames = 0
    spans: dict[int, tuple[float, float]] = {}  # of a stream: where it begins and ends, in seconds
    for packet in opened.demux():
        if packet.dts is None:
            continue
        frames += packet.stream.index == video.index
        at = packet.pts if packet.pts is not None else packet.dts
        begin, end = (float(t * packet.time_base) for t in (at, at + (packet.duration or 0)))
        was = spans.get(packet.stream.index, (begin, end))
        spans[packet.stream.index] = min(was[0], begin), max(was[1], end)
    if any(name in opened.format.name for name in DECLARING):
        declared = (opened.duration or 0) / 1e6  # microseconds
        begins, ends = zip(*spans.values(), strict=True) if spans else ((0.0,), (0.0,))
        _require_whole(source, max(ends) - min(0.0, *begins, 0.0), declared)
        own: Any = video.duration
        if own and video.index in spans:
            begin, end = spans[video.index]
            _require_whole(source, end - begin, float(own * video.time_base))
    return frames


def _require_whole(source: Path, found: float, declared: float) -> None:
    if declared - found > max(LACKING, 0.02 * declared):
        raise GanColorError(
            f"video: {source} ends after {found:.1f} of {declared:.1f} seconds: it is cut short; "
            "`ffmpeg -i FILE -c copy WHOLE` makes a whole video of what is there"
        )
