"""The formats of a set of videos, one file each. A bare path is read by the first one that it fits."""

from lsap_cli.datasets.entries import SetFormat
from lsap_cli.datasets.formats.charades import Charades
from lsap_cli.datasets.formats.csv_list import CsvList
from lsap_cli.datasets.formats.diving48 import Diving48
from lsap_cli.datasets.formats.folder import VideoFolder
from lsap_cli.datasets.formats.frame_folders import FrameFolders
from lsap_cli.datasets.formats.hf_folder import HuggingFaceFolder
from lsap_cli.datasets.formats.hmdb51 import Hmdb51
from lsap_cli.datasets.formats.jester import Jester
from lsap_cli.datasets.formats.json_list import JsonList
from lsap_cli.datasets.formats.kinetics import Kinetics
from lsap_cli.datasets.formats.path_list import PathList
from lsap_cli.datasets.formats.single import SingleVideo
from lsap_cli.datasets.formats.something_something import SomethingSomething
from lsap_cli.datasets.formats.ucf101 import Ucf101
from lsap_cli.datasets.formats.webdataset import WebDataset
from lsap_cli.plugins import SET_FORMATS

FORMATS: dict[str, type[SetFormat]] = {
    "ucf101": Ucf101,
    "hmdb51": Hmdb51,
    "kinetics": Kinetics,
    "ssv2": SomethingSomething,
    "diving48": Diving48,
    "jester": Jester,
    "charades": Charades,
    "hf-folder": HuggingFaceFolder,
    "webdataset": WebDataset,
    "json": JsonList,
    "csv": CsvList,
    "list": PathList,
    "frames": FrameFolders,
    "folder": VideoFolder,
    "file": SingleVideo,
}


def about_formats() -> list[tuple[str, str]]:
    """(name, what it reads) of every format, those of installed packages included."""
    return [(name, (SET_FORMATS[name].__doc__ or "").strip().split("\n")[0]) for name in SET_FORMATS]
