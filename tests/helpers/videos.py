"""A short video with sound."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE, FRAMES = Fraction(24000, 1001), 24


def make_video(path: Path, size: tuple[int, int] = (64, 48), *, sound: bool = True) -> None:
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=RATE)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = out.add_stream("aac", rate=8000) if sound else None
        for i in range(FRAMES):
            gray = np.full((size[1], size[0], 3), 60 + 5 * i, np.uint8)
            gray[:, : 2 * i] = 40
            out.mux(video.encode(av.VideoFrame.from_ndarray(gray, format="rgb24")))
        out.mux(video.encode(None))
        if audio is not None:
            tone = (np.sin(np.arange(8000) / 8) * 0.3).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.rate = 8000
            out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
