"""The pictures of a `defend` run: the perturbation, and frames of some videos before, after and their difference."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.pictures.drawing import draw_frame, perturbation_picture, save_picture
from lsap_cli.pictures.thumbnails import FILM_FRAMES, FramePair, draw_film, draw_films, draw_slots
from lsap_cli.results.base import UNSET, UnsetType
from lsap_cli.results.pictures import FilmPictures, FramePictures, Pictures
from lsap_cli.video.media import Media
from lsap_cli.video.memory_limit import frames_at_once
from lsap_cli.video.reading import UnreadableVideo, read_frame_times, read_header, read_some_frames
from perturbations import Perturbation

FrameChange = Callable[[Tensor, Tensor, int], Tensor]  # (S, 3, H, W) uint8, their indices, frames of the video


@dataclass(frozen=True)
class ShownVideo:
    """A video that is drawn before and after.

    Attributes:
        name: its name in the set.
        before: the file that is read as it was.
        after: the file that `change` is applied to: the same one, or a perturbed copy.
        change: what is added to frames of `after`.
        clean_prediction: a label.
        attacked_prediction: a label.
        clean_confidence: its probability, where the network gives one.
        attacked_confidence: likewise.
        appended: frames that `change` puts behind the video.
    """

    name: str
    before: Media
    after: Media
    change: FrameChange
    clean_prediction: str
    attacked_prediction: str
    clean_confidence: float | UnsetType = UNSET
    attacked_confidence: float | UnsetType = UNSET
    appended: int = 0


def draw_pictures(
    folder: Path, shown: Sequence[ShownVideo], perturbation: Perturbation | None
) -> tuple[Pictures, list[str]]:
    """Writes PNG files below `folder`/pictures, and look.json.

    Args:
        folder: the run folder.
        shown: videos that are drawn.
        perturbation: is drawn too, where it is known.

    Returns:
        Where the pictures are, and a sentence for each video that could not be drawn.
    """
    pictures = Pictures() if perturbation is None else _draw_perturbation(folder, perturbation)
    frames: list[FramePictures] = []
    films: list[FilmPictures] = []
    failures: list[str] = []
    for number, video in enumerate(shown):
        try:
            frame, film = _draw_video(folder, number, video)
        except (UnreadableVideo, ValueError, OSError) as error:
            failures.append(f"{video.name} cannot be drawn: {error}")
            continue
        frames.append(frame)
        films.append(film)
    draw_films(folder, films)
    return (
        Pictures(
            perturbation=pictures.perturbation, perturbation_scale=pictures.perturbation_scale, frames=tuple(frames)
        ),
        failures,
    )


def _draw_perturbation(folder: Path, perturbation: Perturbation) -> Pictures:
    scale = float(perturbation.pattern.abs().max()) or float(perturbation.budget.epsilon)
    name = "pictures/perturbation.png"
    save_picture(perturbation_picture(perturbation.pattern.numpy(), scale), folder / name)
    draw_slots(folder, perturbation.pattern, str(perturbation.binding))
    return Pictures(perturbation=name, perturbation_scale=scale * 255)


def _draw_video(folder: Path, number: int, video: ShownVideo) -> tuple[FramePictures, FilmPictures]:
    """One frame for results.json, and the frames around it for look.json.

    The middle of the video is drawn; of one that frames are appended to, its end, where alone something is new.
    """
    own = len(read_frame_times(video.before).times)
    appended = video.appended
    if not appended and video.after != video.before:  # a written copy: it may be longer
        appended = max(0, len(read_frame_times(video.after).times) - own)
    count = own + appended
    first = max(0, count - FILM_FRAMES if appended else (count - FILM_FRAMES) // 2)
    indices = torch.arange(first, min(count, first + FILM_FRAMES))
    middle = int((indices >= own).nonzero()[0]) if appended else len(indices) // 2
    drawn = draw_frame(*next(_pairs(video, indices[middle : middle + 1], own, count)))
    names = {kind: f"pictures/{number}-{kind}.png" for kind in ("before", "after", "difference")}
    for kind, picture in (("before", drawn.before), ("after", drawn.after), ("difference", drawn.difference)):
        save_picture(picture, folder / names[kind])
    frame = FramePictures(
        video=video.name,
        frame=int(indices[middle]),
        factor=drawn.factor,
        before=names["before"],
        after=names["after"],
        difference=names["difference"],
        clean_prediction=video.clean_prediction,
        attacked_prediction=video.attacked_prediction,
        clean_confidence=video.clean_confidence,
        attacked_confidence=video.attacked_confidence,
        appended=int((indices >= own).sum()),
    )
    return frame, draw_film(folder, number, _pairs(video, indices, own, count), frame)


def _pairs(video: ShownVideo, indices: Tensor, own: int, count: int) -> Iterator[FramePair]:
    """Frames before and after, one by one; no more are decoded at once than the memory limit has room for.

    Args:
        video: that is drawn.
        indices: (S,) int64, rising.
        own: frames of the clean video.
        count: frames with those that follow its end.
    """
    header = read_header(video.before)
    for part in indices.split(frames_at_once(header.height, header.width)):
        before = _with_black_frames(video.before, part, own)
        after = video.change(_with_black_frames(video.after, part, count - video.appended), part, own)
        yield from zip(before.numpy(), after.numpy(), strict=True)


def _with_black_frames(media: Media, indices: Tensor, own: int) -> Tensor:
    """Frames by index, (S, 3, H, W) uint8; those after the file's own are black: there is nothing."""
    inside = indices[indices < own]
    frames = read_some_frames(media, inside if len(inside) else torch.tensor([own - 1]))
    black = torch.zeros(len(indices) - len(inside), *frames.shape[1:], dtype=torch.uint8)
    return torch.cat([frames[: len(inside)], black])
