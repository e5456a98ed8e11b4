#!/usr/bin/env bash
# A raw H.264 stream at 50 frames a second has three rates in PyAV: 25, 100 and 50. A raw MPEG-4 stream contradicts its own
# frame times.
#
# Versions: av 18.1.0 (FFmpeg 8.1.2), numpy 2.4.6, Python 3.11, Linux x86-64.
#
# An elementary stream has no container that could say its rate, but both codecs write it into their headers, and FFmpeg reads
# it from there: guessed_rate is right. average_rate is 25 whatever the stream says. base_rate is the rate of H.264's fields,
# twice that of its frames, and right for MPEG-4. Frames of the raw H.264 stream carry no time at all; those of MPEG-4 carry
# the right one, 1/30 s apart, beside an average_rate of 25. The same pictures in MP4 give one rate only.
#
# Why it matters: a copy of the first stream that is written at its average_rate lasts twice as long.
#
# Output:
#   h264 at 50: average_rate 25, base_rate 100, guessed_rate 50, second frame at None
#   m4v at 30: average_rate 25, base_rate 30, guessed_rate 30, second frame at 1/30
#   h264 in mp4 at 50: average_rate 50, base_rate 50, guessed_rate 50, second frame at 1/50
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import av
import numpy as np


def rates(name, encoder, container, rate):
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(encoder, rate=rate)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for index in range(60):
            pixels = np.full((64, 64, 3), 4 * index, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode())
    file.seek(0)
    with av.open(file, format=container) as source:
        stream = source.streams.video[0]
        frames = list(source.decode(stream))
        time = None if frames[1].pts is None else frames[1].pts * frames[1].time_base
        found = [stream.average_rate, stream.base_rate, stream.guessed_rate, time]
    if len(frames) != 60:
        sys.exit(f"Different: {len(frames)} frames were read of the 60 that were written.")
    labels = ["average_rate", "base_rate", "guessed_rate", "second frame at"]
    print(f"{name} at {rate}:", ", ".join(f"{label} {value}" for label, value in zip(labels, found)))
    return [None if value is None else round(float(value), 4) for value in found]


if rates("h264", "libx264", "h264", 50) != [25, 100, 50, None]:
    sys.exit("Different: the rates of a raw H.264 stream have changed.")
if rates("m4v", "mpeg4", "m4v", 30) != [25, 30, 30, 0.0333]:
    sys.exit("Different: the rates of a raw MPEG-4 stream have changed.")
if rates("h264 in mp4", "libx264", "mp4", 50) != [50, 50, 50, 0.02]:
    sys.exit("Different: the rates of an MP4 file have changed.")
print("As described.")
PYTHON
