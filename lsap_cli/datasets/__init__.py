"""Sets of videos: what is in them, what they show, and their frames.

for video in list_videos(Path("videos"), classifier.labels).videos:
print(video.name, video.labels)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsap_cli.datasets.base import Video, VideoSet
    from lsap_cli.datasets.entries import SetFormat
    from lsap_cli.datasets.formats import FORMATS
    from lsap_cli.datasets.listing import list_videos
    from lsap_cli.datasets.store import FrameStore, StoredVideo

__all__ = ["FORMATS", "FrameStore", "SetFormat", "StoredVideo", "Video", "VideoSet", "list_videos"]

_MODULES = {
    "FORMATS": "formats",
    "FrameStore": "store",
    "SetFormat": "entries",
    "StoredVideo": "store",
    "Video": "base",
    "VideoSet": "base",
    "list_videos": "listing",
}


def __getattr__(name: str) -> Any:  # classes, functions and a table
    """Imports a name when it is asked for: a set is listed without torch, a `FrameStore` needs it."""
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
