#!/usr/bin/env bash
# JPEG at quality 75 with 4:2:0 makes a faint checkerboard of single pixels stronger, and halves one of 2 x 2 pixels.
#
# Versions: Pillow 13.0.0 (libjpeg-turbo 3.2.0), numpy 2.4.6, Python 3.11, Linux x86-64.
#
# A gray pattern of +4 and -4 levels lies on a smooth gray ramp. The share that is kept is the projection of what the pattern
# changes in the decoded picture on the pattern: 1.00 is all of it. It is not the fine patterns that JPEG takes away, but those
# whose coefficients fall below half a quantization step. A regular pattern has most of its energy in few coefficients, and
# these are rounded to the nearest multiple, up as well as down. Which checkerboard survives turns round with the amplitude.
# Random signs, which spread over all coefficients, lose most at amplitude 4. 4:2:0 halves chroma only; gray has none.
#
# Why it matters: JPEG as a defense is often explained by its removal of high frequencies. A pattern as fine as pixels allow
# can come out larger than it went in.
#
# Output, share kept:
#                                amplitude 4   amplitude 8
#   columns of 1 pixel                  0.94          1.03
#   rows of 1 pixel                     1.22          1.23
#   checkerboard of 1 pixel             1.27          0.64
#   checkerboard of 2 pixels            0.46          1.13
#   random signs                        0.33          0.55
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
from PIL import Image

SIZE = 128
rows, columns = np.mgrid[0:SIZE, 0:SIZE]
ramp = np.round(64 + 128 * columns / (SIZE - 1))
PATTERNS = {
    "columns of 1 pixel": 1 - 2 * (columns % 2),
    "rows of 1 pixel": 1 - 2 * (rows % 2),
    "checkerboard of 1 pixel": 1 - 2 * ((rows + columns) % 2),
    "checkerboard of 2 pixels": 1 - 2 * ((rows // 2 + columns // 2) % 2),
    "random signs": np.random.default_rng(1).choice([-1, 1], (SIZE, SIZE)),
}


def decoded(gray):
    pixels = np.repeat(gray.astype(np.uint8)[..., None], 3, axis=-1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=75, subsampling="4:2:0")
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB")).astype(float).mean(axis=-1)


def share(pattern, amplitude):
    change = decoded(ramp + amplitude * pattern) - decoded(ramp)
    return float((change * pattern).mean() / amplitude)


print(f"{'':28s} {'amplitude 4':>13s} {'amplitude 8':>13s}")
kept = {}
for name, pattern in PATTERNS.items():
    kept[name] = [share(pattern, 4), share(pattern, 8)]
    print(f"{name:28s} {kept[name][0]:13.2f} {kept[name][1]:13.2f}")

fine, coarse = kept["checkerboard of 1 pixel"], kept["checkerboard of 2 pixels"]
if not (fine[0] > 1.15 and coarse[0] < 0.6):
    sys.exit("Different: at amplitude 4 the fine checkerboard no longer gains while the coarse one loses.")
if not (fine[1] < 0.8 and coarse[1] > 1):
    sys.exit("Different: at amplitude 8 the two checkerboards no longer change places.")
if min(kept["columns of 1 pixel"] + kept["rows of 1 pixel"]) < 0.85:
    sys.exit("Different: stripes of one pixel no longer survive.")
if not max(kept["random signs"]) < 0.7:
    sys.exit("Different: random signs now survive.")
print("As described.")
PYTHON
