#!/usr/bin/env bash
# What was cut off an MP4 file without encoding it again is shown again after a packet copy to Matroska or MPEG-TS.
#
# Versions: av 18.1.0 (FFmpeg 8.1.2), numpy 2.4.6, Python 3.11, Linux x86-64.
#
# A cut between two key frames has to keep the packets from the earlier key frame on. In MP4 an edit list hides their pictures;
# the demuxer marks such packets (is_discard) and the decoder drops what comes of them. In the copies to Matroska and MPEG-TS
# no packet is marked, so they show the six hidden frames first. A copy without the marked packets is no way out: the key frame
# is among them, and the six frames that depend on it are lost too. Neither copy shows the 18 frames; copies to MP4 and MOV do.
#
# Why it matters: a copy that was said to be exact is longer than its source, begins with pictures that the source hides, and
# the same frame index is another picture.
#
# Output, number of frames and gray value of the first:
#   source, 36 frames cut at 18                mp4       18 frames, first 144
#   copy of all packets                        mp4       18 frames, first 144
#   copy of all packets                        mov       18 frames, first 144
#   copy of all packets                        matroska  24 frames, first 95
#   copy of all packets                        mpegts    24 frames, first 95
#   copy of the packets that are not marked    matroska  12 frames, first 192
#   copy of the packets that are not marked    mpegts    12 frames, first 192
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

FRAMES, KEY_FRAME, CUT = 36, 12, 18


def encoded():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=25, options={"bf": "0", "g": str(KEY_FRAME), "sc_threshold": "0"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for index in range(FRAMES):
            pixels = np.full((64, 64, 3), 8 * index % 256, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode())
    return file


def copied(file, container, cut=0, marked_too=True):
    """A copy of the packets whose time 0 is frame `cut`, from the key frame before it on."""
    file.seek(0)
    copy = io.BytesIO()
    with av.open(file) as source, av.open(copy, "w", format=container) as output:
        track = source.streams.video[0]
        new_track = output.add_stream_from_template(track)
        ticks = int(1 / (track.average_rate * track.time_base))
        first = KEY_FRAME * ticks if cut else None
        for packet in source.demux(track):
            left_out = packet.dts is None or (packet.is_discard and not marked_too)
            if left_out or (first is not None and packet.pts < first):
                continue
            packet.pts -= cut * ticks
            packet.dts -= cut * ticks
            packet.stream = new_track
            output.mux(packet)
    return copy


def shown(name, container, file):
    file.seek(0)
    with av.open(file) as source:
        grays = [int(frame.to_ndarray(format="gray").mean()) for frame in source.decode(video=0)]
    print(f"{name:42s} {container:9s} {len(grays)} frames, first {grays[0]}")
    return len(grays), grays[0]


cut_file = copied(encoded(), "mp4", cut=CUT)
source = shown("source, 36 frames cut at 18", "mp4", cut_file)
if source[0] != FRAMES - CUT:
    sys.exit("Different: the cut file does not show the 18 frames after the cut.")
for container in ("mp4", "mov"):
    if shown("copy of all packets", container, copied(cut_file, container)) != source:
        sys.exit(f"Different: a copy to {container} no longer shows what the source shows.")
for container in ("matroska", "mpegts"):
    count, gray = shown("copy of all packets", container, copied(cut_file, container))
    if count != FRAMES - KEY_FRAME or gray >= source[1]:
        sys.exit(f"Different: a copy to {container} no longer begins with the hidden frames.")
for container in ("matroska", "mpegts"):
    copy = copied(cut_file, container, marked_too=False)
    if shown("copy of the packets that are not marked", container, copy)[0] != FRAMES - 2 * KEY_FRAME:
        sys.exit(f"Different: a copy to {container} without the marked packets no longer loses frames.")
print("As described.")
PYTHON
