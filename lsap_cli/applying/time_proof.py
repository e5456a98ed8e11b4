"""The proof that a written file shows its frames, and plays what is beside them, when the source does."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lsap_cli.video.demuxing import opened, opened_container
from lsap_cli.video.picture_folders import OTHERS, is_picture_folder
from lsap_cli.video.reading import Frame
from lsap_cli.video.stream_packets import MATROSKA_TICK, StreamSpan, read_spans
from lsap_cli.video.writing import Transcoded

SLACK = Fraction(2, 1_000_000)  # FFmpeg gives a file's length in whole microseconds


@dataclass(frozen=True)
class _CopyFacts:
    """The times of a written file, in seconds.

    Attributes:
        tick: of the timestamps of its pictures.
        length: of the file, which is that of the pictures where nothing is beside them; None: it does not say.
        pictures_end: of the track of pictures, from its first frame; None: it does not say.
        spans: of its sound and subtitles.
        start: of its first frame, by the clock of the spans.
    """

    tick: Fraction
    length: Fraction | None
    pictures_end: Fraction | None
    spans: list[StreamSpan]
    start: Fraction


class TimeProof:
    """Compares when each frame of a source and of its copy is shown, from the first frame on."""

    def __init__(self) -> None:
        self._first: tuple[Fraction, Fraction] | None = None
        self._latest = Fraction(0)  # of the source: a damaged one may step back, and its frames are written in order
        self._moved: list[tuple[int, Fraction, Fraction]] = []
        self._count = 0
        self._last: tuple[Frame, Fraction] | None = None

    def add(self, seconds: Fraction, copy: Frame) -> None:
        """Compares one frame, in order, with its timestamp in the source, to a microsecond at least."""
        if self._first is None:
            self._first = seconds, copy.seconds
        self._latest = max(self._latest, seconds - self._first[0])
        found = copy.seconds - self._first[1]
        if abs(found - self._latest) > SLACK:
            self._moved.append((self._count, self._latest, found))
        self._count += 1
        self._last = copy, found

    def differences(self, copied: Transcoded, target: Path, appended: int = 0) -> list[str]:
        """Sentences on all times that are not those of the source, to half a tick of the container.

        Args:
            copied: what was written.
            target: the written file or folder of frames.
            appended: frames that follow the source's own in the copy.

        Raises:
            UnreadableVideo: if the written file cannot be read.
        """
        assert self._first is not None
        facts = _copy_facts(target, copied, self._first[1])
        half = facts.tick / 2 + SLACK
        sentences = []
        moved = [one for one in self._moved if abs(one[2] - one[1]) > half]
        if moved:
            index, before, after = max(moved, key=lambda one: abs(one[2] - one[1]))
            sentences.append(
                f"{len(moved)} of {self._count} frames are shown at another time in the copy, such as frame {index} at "
                f"{float(after):.4f} s instead of {float(before):.4f} s"
            )
        if not appended:
            sentences += self._ends(copied, facts, half)
        return sentences + _moved_streams(copied, facts)

    def _ends(self, copied: Transcoded, facts: _CopyFacts, half: Fraction) -> list[str]:
        assert self._last is not None
        frame, at = self._last
        shown = frame.duration or Fraction(0)
        if facts.pictures_end is not None and abs(facts.pictures_end - at - copied.last_shown) <= half:
            shown = (
                copied.last_shown
            )  # a frame's duration in mp4 is the time to the next decoding: only the track has the last frame's end
        if abs(shown - copied.last_shown) > facts.tick + SLACK:  # Matroska's reader cuts what is no whole millisecond
            return [
                f"the copy's last frame is shown for {float(shown):.4f} s instead of {float(copied.last_shown):.4f} s"
            ]
        whole = at + copied.last_shown
        if facts.length is not None and not copied.spans and abs(facts.length - whole) > facts.tick + SLACK:
            return [f"the copy is {float(facts.length):.3f} s long instead of {float(whole):.3f} s"]
        return []


def _copy_facts(target: Path, copied: Transcoded, first: Fraction) -> _CopyFacts:
    if is_picture_folder(target):
        others = target / OTHERS
        spans: list[StreamSpan] = []
        if others.is_file():
            with opened_container(others) as container:
                spans = read_spans(container)
        return _CopyFacts(MATROSKA_TICK, None, None, spans, copied.others_start)
    with opened(target, "one") as (container, stream):
        tick = Fraction(stream.time_base or MATROSKA_TICK)
        length = None if container.duration is None else Fraction(container.duration, 1_000_000)
        pictures_end = None if stream.duration is None else stream.duration * tick
        return _CopyFacts(tick, length, pictures_end, read_spans(container), first)


def _moved_streams(copied: Transcoded, facts: _CopyFacts) -> list[str]:
    if len(facts.spans) != len(copied.spans):
        return [f"{len(facts.spans)} of {len(copied.spans)} streams beside the pictures arrived in the copy"]
    half = max(facts.tick, MATROSKA_TICK) / 2 + SLACK
    sentences = []
    for source, copy in zip(copied.spans, facts.spans, strict=True):
        sentences += _described_otherwise(source, copy)
        if source.packets != copy.packets:
            sentences.append(f"stream {source.index} ({source.kind}) has {copy.packets} of {source.packets} packets")
        if source.start is None or copy.start is None:
            continue
        places = [
            ("begins", source.start, copy.start, half),
            ("has its last packet", source.last, copy.last, half),
        ]
        if source.end > source.last and copy.end > copy.last:  # a duration that is not known proves nothing
            places.append(("ends", source.end, copy.end, half + MATROSKA_TICK))  # a duration is rounded, too
        for word, before, after, most in places:
            offset, found = before - copied.start, after - facts.start
            if abs(offset - found) > most:
                sentences.append(
                    f"stream {source.index} ({source.kind}) {word} {float(found):.4f} s after the first frame in the "
                    f"copy instead of {float(offset):.4f} s"
                )
                break  # what begins late ends late, too
    return sentences


def _described_otherwise(source: StreamSpan, copy: StreamSpan) -> list[str]:
    """A sentence where readers decode packets of one format by another description than in the source."""
    (name, before), (other, after) = source.format, copy.format
    if name != other or not before or not after or before == after:
        return []
    return [
        f"stream {source.index} ({source.kind} {name}) has its packets, but readers are given another description of "
        "them than in the source, so that some may not be decoded"
    ]
