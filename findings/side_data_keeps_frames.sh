#!/usr/bin/env bash
# A decoded frame that was asked for its side data stays in memory after its last use, until Python collects cycles.
#
# Versions: av 18.1.0 (FFmpeg 8.1.2), numpy 2.4.6, Python 3.11, Linux x86-64.
#
# PyAV's `frame.side_data` makes a container that refers to the frame, and the frame keeps that container: a cycle, which
# counting references does not free. The collector counts Python objects, not the megabytes behind them: with its default
# thresholds, it has seen none of 60 frames when the loop over them ends. The same loop without a look at the side data leaves
# no frame, and so does a container that is made beside the frame (`SideDataContainer(frame)`), which the frame does not know.
#
# Why it matters: whoever asks each frame how it is to be turned (the display matrix is side data) holds a whole video, and
# the ones after it: at 3840 x 2160 pixels, 60 frames are 750 MB.
#
# Output, frames that are still in memory:
#   nothing asked                   0 of 60 after the loop,  0 after gc.collect()
#   frame.side_data                60 of 60 after the loop,  0 after gc.collect()
#   SideDataContainer(frame)        0 of 60 after the loop,  0 after gc.collect()
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import gc
import io
import sys

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer

FRAMES = 60
EXPECTED = {"nothing asked": (0, 0), "frame.side_data": (FRAMES, 0), "SideDataContainer(frame)": (0, 0)}
ASKING = {
    "nothing asked": lambda frame: None,
    "frame.side_data": lambda frame: len(frame.side_data),
    "SideDataContainer(frame)": lambda frame: len(SideDataContainer(frame)),
}


def encoded():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for index in range(FRAMES):
            pixels = np.full((240, 320, 3), index, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode())
    return file


def alive():
    return sum(isinstance(one, av.VideoFrame) for one in gc.get_objects())


def left_behind(ask):
    file.seek(0)
    gc.collect()
    with av.open(file) as container:
        for frame in container.decode(video=0):
            ask(frame)
    del frame
    after = alive()
    gc.collect()
    return after, alive()


file = encoded()
measured = {}
for name, ask in ASKING.items():
    measured[name] = left_behind(ask)
    after, collected = measured[name]
    print(f"  {name:<30} {after:>2} of {FRAMES} after the loop, {collected:>2} after gc.collect()")
if measured != EXPECTED:
    sys.exit("This differs from what is described above.")
print("As described.")
PYTHON
