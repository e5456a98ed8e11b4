"""What passes a defense, for every defense."""

from pathlib import Path

import pytest
import torch

from defenses import DEFENSES, Defense
from defenses.compression import H264, Jpeg
from defenses.testing.defense_checks import FINE_SHARE, SMOOTH_SHARE, check_gray_offset, check_null_space
from defenses.testing.videos import make_fine_noise, surviving_share
from tests.defenses.examples import STRONGER, make_default


@pytest.mark.parametrize("name", STRONGER)
def test_fine_noise_is_weakened_and_more_so_by_stronger_settings(name: str) -> None:
    noise = make_fine_noise(25)
    left = [surviving_share(defense, noise) for defense in (make_default(name), *STRONGER[name])]
    assert 0.8 > left[0] > left[1] > left[2]


@pytest.mark.parametrize("name", DEFENSES)
def test_a_gray_offset_that_never_changes_passes(name: str) -> None:
    check_gray_offset(make_default(name))


@pytest.mark.parametrize("name", DEFENSES)
def test_constant_and_smooth_patterns_pass_as_declared(name: str) -> None:
    check_null_space(make_default(name))


MEASURED = Path(__file__).parents[2] / "benchmarks" / "results" / "null_spaces_natural.md"
NOT_SHOWN = {
    "bit-depth": "any pattern passes on average, with noise of its own",
    "barrage": "one draw was measured",
    "perturbation-subtraction": "it was fitted on videos without the pattern",
}


def measured_shares() -> dict[str, dict[str, list[float]]]:
    """By defense and pattern, a share for each kind of scene: benchmarks/results/null_spaces_natural.md."""
    lines = MEASURED.read_text().splitlines()
    tables = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    patterns = next(cells for cells in tables if cells[0] == "defense")
    shares: dict[str, dict[str, list[float]]] = {}
    for name, *cells in (cells for cells in tables if cells[0] != "defense"):
        for pattern, cell in zip(patterns[1:], cells, strict=True):
            shares.setdefault(name, {}).setdefault(pattern, []).append(float(cell))
    return shares


def test_the_measured_table_has_every_defense() -> None:
    assert set(measured_shares()) == set(DEFENSES)


@pytest.mark.parametrize("name", [one for one in DEFENSES if one not in NOT_SHOWN])
def test_what_a_defense_declares_is_what_was_measured_on_natural_scenes(name: str) -> None:
    defense, shares = make_default(name), measured_shares()[name]
    constant = ("gray", "half wave", "row stripes", "checkerboard", "blocks of 2", "blocks of 8")
    assert defense.passes_constant_in_time == (least(shares, constant) > FINE_SHARE)
    assert defense.passes_low_frequencies == (least(shares, ("half wave", "half wave, flicker")) > SMOOTH_SHARE)
    striped = ("row stripes", "column stripes", "row stripes, flicker")
    assert defense.passes_stripes == (least(shares, striped) > SMOOTH_SHARE)


def least(shares: dict[str, list[float]], patterns: tuple[str, ...]) -> float:
    return min(share for pattern in patterns for share in shares[pattern])


@pytest.mark.parametrize("codec", [Jpeg(75), H264(23)])
def test_stripes_of_single_pixels_pass_a_codec_that_removes_fine_noise(codec: Defense) -> None:
    signs = (1.0 - 2 * (torch.arange(32) % 2)).view(1, 1, 32, 1)
    stripes = (8 / 255 * signs).expand(12, 3, 32, 48)
    assert surviving_share(codec, stripes) > 0.8
    assert surviving_share(codec, make_fine_noise(12)) < 0.5
