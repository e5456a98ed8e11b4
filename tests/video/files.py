"""Video files with sound, with a rotation, and broken ones."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor

RATE = 48000
CHUNK = 1024


def write_with_sound(
    path: Path, frames: Tensor | None, sound: str = "aac", seconds: float = 1.0, tracks: int = 1
) -> Path:
    """Writes frames (N, 3, H, W) uint8 at 25 a second beside tones; sound alone where there are no frames."""
    with av.open(str(path), "w") as out:
        video: VideoStream | None = None
        if frames is not None:
            video = out.add_stream("libx264rgb", rate=25, options={"qp": "0"})
            video.height, video.width = frames.shape[2:]
            video.pix_fmt = "rgb24"
        tones: list[AudioStream] = []
        for _ in range(tracks):
            stream = out.add_stream(sound, rate=RATE)
            assert isinstance(stream, AudioStream)
            stream.layout = "mono"
            tones.append(stream)
        if video is not None and frames is not None:
            for pixels in frames:
                array = pixels.permute(1, 2, 0).contiguous().numpy()
                out.mux(video.encode(VideoFrame.from_ndarray(array, format="rgb24")))
            out.mux(video.encode(None))
        for number, tone in enumerate(tones):
            for chunk in _tone(tone.codec_context.format.name, 440 * (number + 1), seconds):
                out.mux(tone.encode(chunk))
            out.mux(tone.encode(None))
    return path


def _tone(form: str, hertz: int, seconds: float) -> Iterator[AudioFrame]:
    for start in range(0, int(seconds * RATE), CHUNK):
        wave = np.sin(np.arange(start, start + CHUNK) * 2 * np.pi * hertz / RATE)[None] * 0.3
        samples = (wave * 32767).astype(np.int16) if form.startswith("s16") else wave.astype(np.float32)
        chunk = AudioFrame.from_ndarray(samples, format=form, layout="mono")
        chunk.sample_rate, chunk.pts, chunk.time_base = RATE, start, Fraction(1, RATE)
        yield chunk


def sound_packets(path: Path, track: int = 0) -> list[tuple[bytes, float]]:
    """The bytes of every packet of sound, and its moment in seconds from the first frame of the video."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.start_time is not None
        assert video.time_base is not None
        start = video.start_time * video.time_base
        return [
            (bytes(packet), round(float(packet.pts * packet.time_base - start), 3))
            for packet in container.demux(container.streams.audio[track])
            if packet.size and packet.pts is not None and packet.time_base is not None
        ]


def damage(path: Path) -> Path:
    """Overwrites 600 bytes in the middle of a file with zeros."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = bytes(600)
    path.write_bytes(data)
    return path


def turn_clockwise(path: Path, quarters: int) -> Path:
    """Writes into an mp4's track header that it is to be shown turned clockwise, as a phone does."""
    return show_by(path, *[(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)][quarters % 4])


def show_by(path: Path, a: float, b: float, c: float, d: float) -> Path:
    """Writes a display matrix into an mp4's track header: a stored place (p, q) is shown at (a p + c q, b p + d q)."""
    a, b, c, d = (round(one * (1 << 16)) for one in (a, b, c, d))
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    data[place : place + 36] = matrix
    path.write_bytes(data)
    return path
