"""The pictures of a defend run: the perturbation, and frames before, after and their difference."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.rows import NO_DEFENSE, Record
from lsap_cli.evaluation.sources import PerturbationSource
from lsap_cli.pictures.drawing import frame_pictures, perturbation_picture, save_picture
from lsap_cli.pictures.thumbnails import FILM_FRAMES, draw_film, draw_films, draw_slots
from lsap_cli.video.reading import read_frame_times, read_some_frames
from perturbations import Perturbation

SHOWN = 3


def draw_pictures(
    folder: Path,
    videos: Sequence[Video],
    attack: PerturbationSource,
    perturbation: Perturbation | None,
    records: Sequence[Record],
    names: Sequence[str],
) -> dict[str, Any]:
    """Writes PNG files below `folder`/pictures and says in JSON where they are.

    Args:
        folder: the run folder.
        videos: that were judged; fooled ones are shown first.
        attack: whose frames are shown.
        perturbation: to be drawn, where it is known.
        records: of the run.
        names: the classes.
    """
    pictures: dict[str, Any] = {"frames": []}
    if perturbation is not None:
        scale = float(perturbation.delta.abs().max()) or float(perturbation.budget.epsilon)
        save_picture(perturbation_picture(perturbation.delta.numpy(), scale), folder / "pictures" / "perturbation.png")
        draw_slots(folder, perturbation.delta, str(perturbation.binding))
        pictures |= {"perturbation": "pictures/perturbation.png", "perturbation_scale": scale * 255}
    undefended = {
        one.video: one for one in reversed(records) if one.defense == NO_DEFENSE and one.attack == records[-1].attack
    }
    ordered = sorted(
        videos, key=lambda video: undefended[video.name].prediction == undefended[video.name].clean_prediction
    )
    films = []
    for number, video in enumerate(ordered[:SHOWN]):
        frame, film = _frames(folder, number, video, attack, undefended[video.name], names)
        pictures["frames"].append(frame)
        films.append(film)
    draw_films(folder, films)
    return pictures


def _frames(
    folder: Path, number: int, video: Video, attack: PerturbationSource, record: Record, names: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What results.json says of one frame, and look.json of the frames around it."""
    count = len(read_frame_times(video.path).times)
    first = max(0, (count - FILM_FRAMES) // 2)
    numbers = torch.arange(first, min(count, first + FILM_FRAMES))
    middle = len(numbers) // 2
    before = read_some_frames(video.path, numbers)
    after = attack.change(read_some_frames(attack.file_of(video), numbers), numbers, count)
    drawn = frame_pictures(before[middle].numpy(), after[middle].numpy())
    entry: dict[str, Any] = {
        "video": video.name,
        "frame": int(numbers[middle]),
        "factor": drawn.factor,
        "clean_prediction": names[record.clean_prediction],
        "attacked_prediction": names[record.prediction],
    }
    for kind, picture in (("before", drawn.before), ("after", drawn.after), ("difference", drawn.difference)):
        name = f"pictures/{number}-{kind}.png"
        save_picture(picture, folder / name)
        entry[kind] = name
    film = draw_film(folder, number, before.numpy(), after.numpy(), drawn.factor)
    return entry, entry | film
