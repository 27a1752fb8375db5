"""A video there and back."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from gan_color.errors import GanColorError
from gan_color.inference.pipeline import ColorizeOptions
from gan_color.inference.video import VideoOptions, colorize_video
from tests.helpers.tint import Tint
from tests.helpers.videos import FRAMES, RATE, make_video


def content(path: Path) -> dict:
    with av.open(str(path)) as clip:
        video = clip.streams.video[0]
        frames = [(f.pts * f.time_base, f.to_ndarray(format="rgb24")) for f in clip.decode(video=0)]
        rate, duration = video.average_rate, clip.duration
        metadata, size = dict(clip.metadata), (video.width, video.height)
    sound = b""
    with av.open(str(path)) as clip:
        if clip.streams.audio:
            sound = b"".join(bytes(p) for p in clip.demux(audio=0) if p.dts is not None)
    return {
        "times": [float(t) for t, _ in frames],
        "frames": [f for _, f in frames],
        "rate": rate,
        "duration": duration,
        "metadata": metadata,
        "size": size,
        "sound": sound,
    }


@pytest.mark.parametrize("batch", [1, 5])
def test_sound_times_and_lightness_stay(batch: int, tmp_path: Path):
    source, target = tmp_path / "in.mp4", tmp_path / "deep" / "out.mp4"
    make_video(source)
    video = VideoOptions(
        ColorizeOptions(32), smooth=0.0, batch=batch, provenance="colorized by a test"
    )
    assert list(colorize_video(Tint(), source, target, video)) == [FRAMES, *range(1, FRAMES + 1)]
    assert [p.name for p in target.parent.iterdir()] == ["out.mp4"]
    before, after = content(source), content(target)
    assert after["rate"] == before["rate"] == RATE
    assert after["times"] == pytest.approx(before["times"], abs=1e-3)
    assert after["duration"] == pytest.approx(before["duration"], abs=50_000)  # microseconds
    assert len(before["sound"]) > 500
    assert after["sound"] == before["sound"]
    assert after["size"] == before["size"]
    assert after["metadata"]["comment"] == "colorized by a test"
    for old, new in zip(before["frames"], after["frames"], strict=True):
        gray = [np.asarray(Image.fromarray(x).convert("L")).astype(int) for x in (old, new)]
        assert abs(gray[0].mean() - gray[1].mean()) < 3
        assert np.ptp(new.astype(int), axis=2).mean() > 15 > np.ptp(old.astype(int), axis=2).mean()


def test_odd_sizes_and_a_gif_become_a_video(tmp_path: Path):
    frames = [Image.new("L", (33, 35), 90 + 40 * i) for i in range(3)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:], duration=100)
    list(
        colorize_video(
            Tint(), tmp_path / "x.gif", tmp_path / "x.webm", VideoOptions(ColorizeOptions(32))
        )
    )
    found = content(tmp_path / "x.webm")
    assert found["size"] == (34, 36)
    assert found["times"] == pytest.approx([0, 0.1, 0.2], abs=2e-3)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("none.mp4", "out.mp4", "found no file"),
        ("text.mp4", "out.mp4", "Invalid data"),
        ("cut.mp4", "out.mp4", r"Invalid data|moov"),
        ("sound.m4a", "out.mp4", "found no video stream"),
        ("in.mp4", "out.xyz", r"found the suffix '\.xyz'"),
        ("in.mp4", "in.mp4", "is the input itself"),
    ],
)
def test_a_video_that_cannot_be_colorized_leaves_nothing(source, target, message, tmp_path: Path):
    make_video(tmp_path / "in.mp4")
    whole = (tmp_path / "in.mp4").read_bytes()
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as out:
        audio = out.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, 8000), np.float32), format="fltp", layout="mono"
        )
        silence.rate = 8000
        out.mux(audio.encode(silence))
        out.mux(audio.encode(None))
    there = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(GanColorError, match=message):
        list(colorize_video(Tint(), tmp_path / source, tmp_path / target))
    assert sorted(p.name for p in tmp_path.iterdir()) == there
    assert (tmp_path / "in.mp4").read_bytes() == whole


class Tired(Tint):
    """Gives up after two frames."""

    def forward(self, L: torch.Tensor) -> torch.Tensor:
        if len(self.seen) == 2:
            raise GanColorError("tired")
        return super().forward(L)


def test_a_failure_half_way_leaves_nothing(tmp_path: Path):
    make_video(tmp_path / "in.mp4")
    with pytest.raises(GanColorError, match="tired"):
        list(colorize_video(Tired(), tmp_path / "in.mp4", tmp_path / "out.mp4"))
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
