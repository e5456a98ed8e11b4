"""Sets of videos: what is in them, what they show, and their frames.

for video in list_videos(Path("videos"), classifier.labels).videos:
print(video.name, video.labels)
"""

from lsap_cli.datasets.base import Video, VideoSet
from lsap_cli.datasets.entries import SetFormat
from lsap_cli.datasets.formats import FORMATS
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore, StoredVideo

__all__ = ["FORMATS", "FrameStore", "SetFormat", "StoredVideo", "Video", "VideoSet", "list_videos"]
