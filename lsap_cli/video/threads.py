"""Threads of decoders and encoders."""

from typing import Literal

DecoderThreads = Literal["one", "many"]
"""Of one file's decoder, whose frames do not depend on it: one, or as many as there are cores."""

ENCODER_THREADS = 4
"""Of every encoder on every machine: what lossy ones write depends on their number."""
