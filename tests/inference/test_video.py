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
from gan_color.inference.video_file import count_frames
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


def test_a_film_that_is_there_is_not_replaced_without_a_word(tmp_path: Path):
    make_video(tmp_path / "in.mp4", sound=False)
    (tmp_path / "out.mp4").write_bytes(b"mine")
    options = VideoOptions(ColorizeOptions(32))
    with pytest.raises(GanColorError, match=r"out\.mp4 is there already: .*--overwrite"):
        list(colorize_video(Tint(), tmp_path / "in.mp4", tmp_path / "out.mp4", options))
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"
    chosen = VideoOptions(ColorizeOptions(32), overwrite=True)
    list(colorize_video(Tint(), tmp_path / "in.mp4", tmp_path / "out.mp4", chosen))
    assert content(tmp_path / "out.mp4")["size"] == (64, 48)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("sound", [True, False])
def test_a_film_that_is_cut_short_is_refused_before_it_is_colorized(
    suffix: str, sound: bool, tmp_path: Path
):
    path, model = tmp_path / f"cut.{suffix}", Tint()
    options = {"movflags": "faststart"} if suffix == "mp4" else {}
    with av.open(str(path), "w", options=options) as out:
        video = out.add_stream("mpeg4", rate=24)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream("aac", rate=8000) if sound else None
        noise = np.random.default_rng(0)
        for _ in range(96):
            frame = noise.integers(0, 256, (48, 64, 3)).astype(np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(video.encode(None))
        if audio is not None:
            tone = noise.random((1, 4 * 8000)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.rate = 8000
            out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    assert count_frames(path) == 96
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 55 // 100])
    with pytest.raises(GanColorError, match=r"ends after [\d.]+ of 4\.\d seconds: it is cut short"):
        list(colorize_video(model, path, tmp_path / "out.mp4", VideoOptions(ColorizeOptions(32))))
    assert model.seen == []
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("suffix", ["mkv", "webm", "mpg", "avi", "mp4"])
def test_every_container_has_a_percentage(suffix: str, tmp_path: Path):
    codec = {"webm": "libvpx-vp9", "mpg": "mpeg2video"}.get(suffix, "mpeg4")
    path = tmp_path / f"x.{suffix}"
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for i in range(12):
            frame = np.full((48, 64, 3), 20 * i, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(video.encode(None))
    counted = list(
        colorize_video(Tint(), path, tmp_path / "out.mp4", VideoOptions(ColorizeOptions(32)))
    )
    assert counted == [12, *range(1, 13)]


def test_the_languages_of_sound_are_kept(tmp_path: Path):
    with av.open(str(tmp_path / "in.mkv"), "w") as out:
        video = out.add_stream("mpeg4", rate=24)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tracks = []
        for language in ("deu", "fra"):
            tracks.append(out.add_stream("aac", rate=8000))
            tracks[-1].metadata["language"] = language
        for i in range(12):
            gray = np.full((48, 64, 3), 20 * i, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(gray, format="rgb24")))
        out.mux(video.encode(None))
        for track in tracks:
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 4000), np.float32), format="fltp", layout="mono"
            )
            silence.rate = 8000
            out.mux(track.encode(silence))
            out.mux(track.encode(None))
    options = VideoOptions(ColorizeOptions(32))
    list(colorize_video(Tint(), tmp_path / "in.mkv", tmp_path / "out.mkv", options))
    with av.open(str(tmp_path / "out.mkv")) as found:
        assert [s.metadata.get("language") for s in found.streams.audio] == ["deu", "fra"]
