"""Decoded videos that a process of a study keeps from cell to cell."""

from collections import OrderedDict
from collections.abc import Iterator, MutableMapping

from lsap_cli.video.media import Media
from lsap_cli.video.memory_limit import memory_limit
from lsap_cli.video.reading import FrameReader

READER_SHARE = 4  # of the memory limit, that they may take


class KeptReaders(MutableMapping[Media, FrameReader]):
    """Decoded videos for judging, the last ones that fit into a part of the memory limit."""

    def __init__(self) -> None:
        self._readers: OrderedDict[Media, FrameReader] = OrderedDict()

    def __getitem__(self, media: Media) -> FrameReader:
        self._readers.move_to_end(media)
        return self._readers[media]

    def __setitem__(self, media: Media, reader: FrameReader) -> None:
        self._readers[media] = reader
        while len(self._readers) > 1 and self._bytes() > memory_limit() // READER_SHARE:
            self._readers.popitem(last=False)

    def __delitem__(self, media: Media) -> None:
        del self._readers[media]

    def __iter__(self) -> Iterator[Media]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def _bytes(self) -> int:
        return sum(one.memory_bytes for one in self._readers.values())
