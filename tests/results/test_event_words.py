import pytest

from lsap_cli.results.event_words import pace_text


@pytest.mark.parametrize(
    ("pace", "text"), [(120.4, "120 clips/s"), (3.0, "3 clips/s"), (1.44, "1.4 clips/s"), (0.31, "3.2 s a clip")]
)
def test_a_slow_pace_is_seconds_a_clip_and_never_zero(pace: float, text: str) -> None:
    assert pace_text(pace) == text


def test_a_pace_counts_what_it_is_asked_to() -> None:
    assert (pace_text(14.0, "frame"), pace_text(0.5, "frame")) == ("14 frames/s", "2.0 s a frame")
