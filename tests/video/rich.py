"""A file with everything in it that a copy has to keep, made without the package's own writer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor

from tests.video.files import write_with_sound

if TYPE_CHECKING:  # PyAV has this name in its stubs only
    from av.container.core import Chapter

CHAPTERS: list[Chapter] = [
    {"id": 1, "start": 0, "end": 400, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}},
    {"id": 2, "start": 400, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "Zwei ü"}},
]
TEXTS = [(100, "Hello"), (500, 'Second "line"')]


def write_rich(path: Path, frames: Tensor, shape: Fraction = Fraction(4, 3)) -> Path:
    """Frames (N, 3, H, W) uint8 with non-square pixels, two tracks of sound, subtitles, chapters, tags, an attachment.

    Args:
        path: `.mkv` (SubRip subtitles and an attached file) or `.mp4` (timed text).
        frames: 25 a second.
        shape: a pixel's width over its height.
    """
    plain = write_with_sound(path.with_name(f"plain{path.suffix}"), frames, "aac", 1.0, tracks=2)
    mp4 = path.suffix == ".mp4"
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        video = out.add_stream("libx264rgb", rate=25, options={"qp": "0"})
        assert isinstance(video, VideoStream)
        video.height, video.width, video.pix_fmt = frames.shape[2], frames.shape[3], "rgb24"
        video.codec_context.sample_aspect_ratio = shape
        video.codec_context.color_primaries, video.codec_context.color_trc = 1, 1
        sounds = {one.index: out.add_stream_from_template(one) for one in source.streams.audio}
        for one, language in zip(sounds.values(), ("eng", "deu"), strict=True):
            one.metadata["language"] = language
        subtitles = out.add_mux_stream("mov_text" if mp4 else "subrip")
        subtitles.time_base = Fraction(1, 1000)
        subtitles.metadata["language"] = "fra"
        if not mp4:
            out.add_attachment("notes.txt", "text/plain", b"attached")
        out.metadata.update({"title": "A title", "my_key": "mine"})
        out.set_chapters(CHAPTERS)
        for pixels in frames:
            array = pixels.permute(1, 2, 0).contiguous().numpy()
            out.mux(video.encode(VideoFrame.from_ndarray(array, format="rgb24")))
        out.mux(video.encode(None))
        for moment, text in TEXTS:
            data = text.encode()
            packet = Packet(len(data).to_bytes(2, "big") + data if mp4 else data)
            packet.pts = packet.dts = moment
            packet.duration, packet.time_base, packet.stream = 300, Fraction(1, 1000), subtitles
            out.mux(packet)
        for sound in source.demux(source.streams.audio):
            if sound.size:
                sound.stream = sounds[sound.stream.index]
                out.mux(sound)
    return path


def contents(path: Path) -> dict[str, Any]:
    """What a reader finds beside the pictures."""
    with av.open(str(path)) as container:
        texts = [
            bytes(packet).decode("utf-8", "replace")
            for packet in container.demux(container.streams.subtitles[0])
            if packet.size > 2
        ]
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        return {
            "shape": Fraction(video.sample_aspect_ratio or 1),
            "primaries": int(video.codec_context.color_primaries),
            "transfer": int(video.codec_context.color_trc),
            "languages": [one.metadata.get("language") for one in container.streams if one.type != "video"][:3],
            "texts": [text.lstrip("\0\r\x05") for text in texts],
            "title": container.metadata.get("title"),
            "my_key": {key.lower(): value for key, value in container.metadata.items()}.get("my_key"),
            "chapters": [
                (
                    round(float(one["start"] * (one["time_base"] or 0)), 3),
                    round(float(one["end"] * (one["time_base"] or 0)), 3),
                    one["metadata"]["title"],
                )
                for one in container.chapters()
            ],
            "files": [(one.name, one.data) for one in container.streams.attachments],
        }
