"""Whether a CUDA device can be there, from the installed torch's files and the system's: torch is not imported.

What is refused here torch would refuse, too. What is not may still be refused when torch looks for the device.
"""

import importlib.util
import os
import re
import sys
from pathlib import Path

DEVICES = Path("/dev")
# of WSL, of AMD, whose devices torch calls cuda as well, and of NVIDIA's boards with one memory for both
OTHER_DRIVERS = ("dxg", "kfd", "nvgpu", "nvhost-gpu")
CPU_ONLY = re.compile(r"^cuda\b[^=\n]*= None$", re.MULTILINE)
NO_HIP = re.compile(r"^hip\b[^=\n]*= None$", re.MULTILINE)


def why_no_device(number: int) -> str | None:
    """Why a CUDA device cannot be used; None: nothing is known against it.

    Args:
        number: of the device, from 0.
    """
    if _is_built_without_cuda():
        return "the torch that is installed is made for processors alone; use --device cpu"
    if sys.platform == "darwin":
        return "a Mac has no CUDA devices; use --device cpu"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    allowed = None if visible is None else [one for one in visible.split(",") if one.strip()]
    if allowed is not None and (not allowed or allowed[0].strip() == "-1"):
        return f"CUDA_VISIBLE_DEVICES is '{visible}', which allows no device; use --device cpu"
    there = _devices()
    if there == 0:
        return "there is no CUDA device here; use --device cpu"
    count = min(one for one in (there, None if allowed is None else len(allowed)) if one is not None) if there else None
    if count is not None and number >= count:
        return f"there {'is 1 CUDA device' if count == 1 else f'are {count} CUDA devices'}, numbered from 0"
    return None


def _devices() -> int | None:
    """How many devices NVIDIA's driver shows; None: it is not known."""
    if not DEVICES.is_dir() or any((DEVICES / name).exists() for name in OTHER_DRIVERS):
        return None
    return sum(bool(re.fullmatch(r"nvidia\d+", one.name)) for one in DEVICES.iterdir())


def _is_built_without_cuda() -> bool:
    found = importlib.util.find_spec("torch")
    places = [] if found is None else found.submodule_search_locations or []
    for place in places:
        file = Path(place, "version.py")
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            return bool(CPU_ONLY.search(text) and (NO_HIP.search(text) or "hip" not in text))
    return False
