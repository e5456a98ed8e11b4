"""Pictures that a run leaves: what results.json and pictures/look.json say of them."""

from lsap_cli.results.base import UNSET, Count, Result, UnsetType

LOOK_FILE = "pictures/look.json"


class FramePictures(Result, frozen=True, kw_only=True):
    """One frame of a video before, after and their difference.

    Attributes:
        video: its name.
        frame: its index.
        factor: by which the difference is amplified.
        before: path of a PNG, relative to the run folder.
        after: likewise.
        difference: likewise.
        clean_prediction: a label.
        attacked_prediction: a label.
        clean_confidence: its probability; absent where the network gives labels only, and in files of version 0.1.
        attacked_confidence: likewise.
        appended: how many of the frames that are drawn were appended to the video, the last ones; its own do not
            change then. They have no frame before: black stands for it.
    """

    video: str
    frame: Count
    factor: float
    before: str
    after: str
    difference: str
    clean_prediction: str = ""
    attacked_prediction: str = ""
    clean_confidence: float | UnsetType = UNSET
    attacked_confidence: float | UnsetType = UNSET
    appended: Count = 0


class Pictures(Result, frozen=True, kw_only=True):
    """The pictures of a `defend` run.

    Attributes:
        perturbation: path of a PNG; absent where the perturbation is not known.
        perturbation_scale: levels that are black and white; absent likewise.
        frames: of some videos, fooled ones first.
    """

    perturbation: str | UnsetType = UNSET
    perturbation_scale: float | UnsetType = UNSET
    frames: tuple[FramePictures, ...] = ()


class SlotPictures(Result, frozen=True, kw_only=True):
    """A perturbation's slots as PNG files; mid-gray is zero.

    Attributes:
        slots: paths of the first 32.
        of: how many slots there are.
        scale: levels that are black and white.
        binding: which frame gets which slot.
        step: after which it was so; null when learning has ended.
    """

    slots: tuple[str, ...] = ()
    of: Count
    scale: float
    binding: str = ""
    step: Count | None = None


class FilmPictures(Result, frozen=True, kw_only=True):
    """Consecutive frames of a video, below each other in each PNG.

    Attributes:
        video: its name.
        frame: index of the one that results.json shows.
        factor: by which the difference is amplified.
        frames: how many there are.
        before: path of a PNG, relative to the run folder.
        after: likewise.
        difference: likewise.
        clean_prediction: a label.
        attacked_prediction: a label.
        clean_confidence: its probability; absent where the network gives labels only, and in files of version 0.1.
        attacked_confidence: likewise.
        appended: how many of the frames that are drawn were appended to the video, the last ones; its own do not
            change then. They have no frame before: black stands for it.
    """

    video: str
    frame: Count
    factor: float
    frames: Count
    before: str
    after: str
    difference: str
    clean_prediction: str = ""
    attacked_prediction: str = ""
    clean_confidence: float | UnsetType = UNSET
    attacked_confidence: float | UnsetType = UNSET
    appended: Count = 0


class Look(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.look/1"):
    """The small pictures for the dashboard; every one is at most 112 pixels wide.

    Attributes:
        perturbation: absent where there is none.
        videos: of `defend`.
    """

    perturbation: SlotPictures | UnsetType = UNSET
    videos: tuple[FilmPictures, ...] | UnsetType = UNSET


def appended_words(one: FilmPictures | FramePictures) -> str:
    """Which of the frames that are drawn are new, where some were appended; empty where none was."""
    if not one.appended:
        return ""
    last = f"the last {one.appended} frames are" if one.appended > 1 else "the last frame is"
    return f"{last} appended, black before; the video's own frames do not change"
