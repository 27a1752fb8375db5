"""Colorize a video: photos through the model, sound, frame times and titles as they were."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_color.atomic import atomic_write
from gan_color.errors import GanColorError
from gan_color.images.photo import Photo
from gan_color.inference.chroma_model import ChromaModel
from gan_color.inference.pipeline import (
    DEFAULTS,
    ColorizeOptions,
    apply_chroma,
    predict_chroma,
)
from gan_color.inference.temporal import ChromaSmoother
from gan_color.inference.video_file import check_target, count_frames, import_av

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer, OutputContainer

# What plays everywhere; 4:2:0 and even sizes are the price.
PIXEL_FORMAT = "yuv420p"
QUALITY = {"libx264": {"crf": "17", "preset": "medium"}, "libvpx-vp9": {"crf": "20", "b": "0"}}
BT709 = 1  # ITU-T H.273


@dataclass(frozen=True)
class VideoOptions:
    """How a video is colorized."""

    options: ColorizeOptions = DEFAULTS
    smooth: float = 0.5  # see gan_color.inference.temporal
    batch: int = 1
    provenance: str = ""
    overwrite: bool = False  # a target that is there


def colorize_video(
    model: ChromaModel, source: Path, target: Path, options: VideoOptions = VideoOptions()
) -> Iterator[int]:
    """Colorize a video into another file, whole or not at all; yields the frames in it, then the
    number done, frame after frame.

    The first video stream is colorized; audio and subtitles are copied. Frame times, rotation (put
    into the pixels) and pixel aspect stay. Raises GanColorError.
    """
    av = import_av()
    codec = check_target(source, target, options.overwrite)
    frames = count_frames(source)
    try:
        with (
            atomic_write(target) as part,
            av.open(str(source)) as opened,
            av.open(str(part), "w") as written,
        ):
            yield frames
            yield from _Conversion(model, opened, written, codec, options).run()
    except (av.FFmpegError, ValueError, OSError) as error:
        raise GanColorError(f"video: {source} into {target.name}: {error}") from None


class _Conversion:
    def __init__(
        self,
        model: ChromaModel,
        source: "InputContainer",
        target: "OutputContainer",
        codec: str,
        options: VideoOptions,
    ) -> None:
        self.model, self.source, self.target = model, source, target
        self.codec, self.options = codec, options
        self.smoother = ChromaSmoother(options.smooth)
        if not source.streams.video:
            raise GanColorError("video: found no video stream")
        self.video = source.streams.video[0]
        self.video.thread_type = "AUTO"
        target.metadata.update(source.metadata)
        if options.provenance:
            target.metadata["comment"] = options.provenance
        self.encoder: Any = None
        # Nothing may be written before the encoder knows the size of the first colorized frame.
        self.held: list[Packet] = []
        self.done = 0

    def run(self) -> Iterator[int]:
        others = [*self.source.streams.audio, *self.source.streams.subtitles]
        copies: dict[int, Any] = {}
        self.encoder = self.target.add_stream(self.codec, rate=self.video.average_rate)
        for stream in others:
            copies[stream.index] = self.target.add_stream_from_template(stream)
            copies[stream.index].metadata.update(stream.metadata)  # language, title
        self.encoder.metadata.update(self.video.metadata)
        waiting: list[VideoFrame] = []
        for packet in self.source.demux([self.video, *others]):
            if packet.stream.index in copies:
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    self.held.append(packet)
                if self.done:
                    self._release()
                continue
            for frame in self.video.decode(packet):
                waiting.append(frame)
                if len(waiting) == self.options.batch:
                    yield from self._color(waiting)
                    waiting = []
        yield from self._color(waiting)
        if not self.done:
            raise GanColorError("video: found no frame")
        self.target.mux(self.encoder.encode(None))
        self._release()

    def _release(self) -> None:
        self.target.mux(self.held)
        self.held = []

    def _color(self, frames: "list[VideoFrame]") -> Iterator[int]:
        photos = [_photo(frame) for frame in frames]
        chromas = predict_chroma(self.model, photos, self.options.options)
        for frame, photo, chroma in zip(frames, photos, chromas, strict=True):
            steady = self.smoother(chroma)
            colorized = apply_chroma(photo, steady, self.options.options, self.model.device)
            if not self.done:
                self._begin(frame, colorized)
            self.target.mux(self.encoder.encode(self._frame(colorized, frame)))
            self.done += 1
            yield self.done

    def _begin(self, frame: "VideoFrame", photo: Photo) -> None:
        """The encoder's settings, known with the first frame."""
        width, height = photo.size
        encoder = self.encoder
        encoder.width, encoder.height = width + width % 2, height + height % 2
        encoder.pix_fmt = PIXEL_FORMAT
        encoder.options = dict(QUALITY[self.codec])
        encoder.codec_context.time_base = frame.time_base
        aspect = self.video.sample_aspect_ratio
        if aspect:
            encoder.codec_context.sample_aspect_ratio = (
                aspect if frame.rotation % 180 == 0 else 1 / aspect
            )
        encoder.codec_context.colorspace = BT709
        encoder.codec_context.color_primaries = BT709
        encoder.codec_context.color_trc = BT709

    def _frame(self, photo: Photo, like: "VideoFrame") -> "VideoFrame":
        av = import_av()
        odd = [(0, side % 2) for side in photo.pixels.shape[:2]]
        pixels = np.pad(photo.pixels, (*odd, (0, 0)), mode="edge")  # 4:2:0 wants even sides
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        made: VideoFrame = frame.reformat(format=PIXEL_FORMAT, dst_colorspace="ITU709")
        made.pts, made.time_base = like.pts, like.time_base
        return made


def _photo(frame: "VideoFrame") -> Photo:
    pixels = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4  # counter-clockwise
    return Photo(np.ascontiguousarray(np.rot90(pixels, turns)))
