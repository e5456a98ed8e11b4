"""Pictures of videos before and after: where frames are appended, those are drawn."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from PIL import Image

from lsap_cli.dashboard.films import read_films
from lsap_cli.evaluation.sources import AddedPerturbation
from lsap_cli.pictures.before_after import ShownVideo, draw_pictures
from lsap_cli.video.codecs import Ffv1Codec
from lsap_cli.video.media import Media
from lsap_cli.video.writing import write_video
from perturbations import Budget, Perturbation, parse_binding

FRAMES, SLOTS = 20, 3


@pytest.fixture
def appending() -> Perturbation:
    delta = torch.linspace(0.2, 0.9, SLOTS)[:, None, None, None].expand(SLOTS, 3, 8, 8).contiguous()
    return Perturbation(delta, parse_binding(f"append:{SLOTS}"), Budget("linf", Fraction(1)))


def own_frames() -> torch.Tensor:
    return torch.full((FRAMES, 3, 16, 16), 77, dtype=torch.uint8)


def write(path: Path, frames: torch.Tensor) -> Media:
    write_video(path, frames, Fraction(8), Ffv1Codec())
    return path


def check_pictures(folder: Path, shown: ShownVideo) -> None:
    pictures, failures = draw_pictures(folder, [shown], None)
    assert failures == []
    (frame,) = pictures.frames
    assert (frame.frame, frame.appended) == (FRAMES, SLOTS)
    with Image.open(folder / frame.after) as after, Image.open(folder / frame.before) as before:
        assert after.convert("RGB").getpixel((4, 4)) == (51, 51, 51)
        assert before.convert("RGB").getpixel((4, 4)) == (0, 0, 0)
    (film,), _ = read_films(folder)
    changed = [after.tobytes() != before.tobytes() for before, after in zip(
        film.sides["before"], film.sides["after"], strict=True
    )]  # fmt: skip
    assert changed == [False] * (len(changed) - SLOTS) + [True] * SLOTS
    assert "the last 3 frames are appended, black before; the video's own frames do not change" in film.notes


def test_frames_that_are_appended_while_judging_are_drawn(tmp_path: Path, appending: Perturbation) -> None:
    media = write(tmp_path / "a.mkv", own_frames())
    source = AddedPerturbation(appending)
    check_pictures(tmp_path, ShownVideo("a", media, media, source.change, "x", "y", appended=source.appended))


def test_frames_that_a_perturbed_copy_has_behind_its_own_are_drawn(tmp_path: Path, appending: Perturbation) -> None:
    media = write(tmp_path / "a.mkv", own_frames())
    black = torch.zeros(SLOTS, 3, 16, 16, dtype=torch.uint8)
    longer = torch.cat([own_frames(), black])
    changed = appending.add_to_bytes(longer, torch.arange(len(longer)), FRAMES)
    copy = write(tmp_path / "copy.mkv", changed)
    check_pictures(tmp_path, ShownVideo("a", media, copy, lambda frames, *_: frames, "x", "y"))


def test_pictures_are_the_same_where_memory_has_room_for_few_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = write(tmp_path / "a.mkv", torch.randint(0, 256, (FRAMES, 3, 16, 16), dtype=torch.uint8))
    sizes: list[int] = []

    def brighter(frames: torch.Tensor, indices: torch.Tensor, count: int) -> torch.Tensor:
        sizes.append(len(frames))
        return frames.clamp(max=250) + 5

    shown = ShownVideo("a", media, media, brighter, "x", "y")
    made = []
    for folder, most in (("whole", FRAMES), ("parts", 2)):
        sizes.clear()
        monkeypatch.setattr("lsap_cli.pictures.before_after.frames_at_once", lambda *_, most=most: most)
        assert draw_pictures(tmp_path / folder, [shown], None)[1] == []
        assert max(sizes) <= most
        files = sorted((tmp_path / folder).rglob("*.png"))
        made.append({path.relative_to(tmp_path / folder): path.read_bytes() for path in files})
    assert len(made[0]) == 6
    assert made[0] == made[1]
