"""Natural corruptions beside a perturbation of the same size."""

from lsap_cli.reports.grids import equal_norm_grid
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.rates import rate_of
from lsap_cli.results.robustness import EqualCorruption, EqualNorm, NaturalRobustness, PerturbationSize
from lsap_cli.results.summary import natural_sentence


def equal_norm(jpeg_reached: bool) -> EqualNorm:
    kinds = {
        "jpeg": EqualCorruption(setting="quality=43", l2_rms=5.2, reached=jpeg_reached, accuracy=rate_of(3, 4)),
        "frame-rate": EqualCorruption(setting="keep=2", l2_rms=9.0, reached=False, accuracy=rate_of(1, 4)),
    }
    perturbation = PerturbationSize(attack="r", l2_rms=5.0, accuracy=rate_of(1, 4))
    return EqualNorm(l2_rms=5.0, within=0.1, perturbation=perturbation, kinds=kinds)


def test_a_corruption_that_misses_the_norm_is_marked_and_does_not_count_in_the_sentence() -> None:
    results = DefendResults(rows=(), natural_robustness=NaturalRobustness(equal_norm=equal_norm(True)))
    grid = equal_norm_grid(results)
    assert [line[0] for line in grid.lines] == ["r", "jpeg", "frame-rate"]
    assert "no, this is the nearest" in grid.lines[2]
    assert "jpeg does most harm: 3 of 4 stay right, 1 of 4 under the perturbation" in natural_sentence(results)
    results = DefendResults(rows=(), natural_robustness=NaturalRobustness(equal_norm=equal_norm(False)))
    assert "No natural corruption could be made as large" in natural_sentence(results)
