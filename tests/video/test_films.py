"""Films for people: what a browser needs, and the times that were asked for."""

from pathlib import Path

import av
import numpy as np
import pytest

from lsap_cli.video.films import Timed, write_film


def pictures(count: int, height: int = 32, width: int = 48) -> list[Timed]:
    generator = np.random.default_rng(3)
    return [(generator.integers(0, 256, (height, width, 3)).astype(np.uint8), 40 * number) for number in range(count)]


def test_a_film_is_what_browsers_play(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pictures(6))
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)  # BT.709, limited
        assert len(list(container.decode(stream))) == 6
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")  # a player begins before it has all


def test_pictures_appear_when_they_should(tmp_path: Path) -> None:
    timed = [(picture, stamp) for (picture, _), stamp in zip(pictures(4), (0, 40, 140, 180), strict=True)]
    write_film(tmp_path / "a.mp4", timed, last_for=100)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        times = [round(1000 * frame.time) for frame in container.decode(stream) if frame.time is not None]
        assert times == [0, 40, 140, 180]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert round(1000 * stream.duration * stream.time_base) == 280


def test_equal_pictures_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_film(tmp_path / name, pictures(5))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_film_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a picture"):
        write_film(tmp_path / "a.mp4", [])
    assert not list(tmp_path.iterdir())
