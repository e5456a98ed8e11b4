"""The formats of a set of videos, one file each. A bare path is read by the first one that it fits."""

from lsap_cli.datasets.entries import SetFormat
from lsap_cli.datasets.formats.csv_list import CsvList
from lsap_cli.datasets.formats.folder import VideoFolder
from lsap_cli.datasets.formats.frame_folders import FrameFolders
from lsap_cli.datasets.formats.path_list import PathList
from lsap_cli.datasets.formats.single import SingleVideo
from lsap_cli.datasets.formats.ucf101 import Ucf101

FORMATS: dict[str, type[SetFormat]] = {
    "ucf101": Ucf101,
    "csv": CsvList,
    "list": PathList,
    "frames": FrameFolders,
    "folder": VideoFolder,
    "file": SingleVideo,
}
