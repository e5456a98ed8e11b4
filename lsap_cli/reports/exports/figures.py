"""Final rates and other numbers of a run, each with its count and interval where it has them."""

from collections.abc import Iterable, Iterator
from functools import singledispatch

from lsap_cli.reports.exports.names import UniqueNames
from lsap_cli.results.documents import ApplyResults, DefendResults, GenerateResults
from lsap_cli.results.ladders import pair_name
from lsap_cli.results.manifest import EffectiveNorms, ProofTotals
from lsap_cli.results.rates import Estimate, Rate
from lsap_cli.results.records import NO_DEFENSE
from lsap_cli.results.rows import NetFoolingRate, Row

Figure = Rate | Estimate | NetFoolingRate | float
Named = tuple[tuple[str, ...], Figure | None]
ENDS = ("low", "high", "count", "of")  # what belongs to a rate


def numbers(figure: Figure) -> dict[str, float]:
    """A figure's numbers: its value under an empty name, and whichever of `low`, `high`, `count`, `of` it has."""
    if isinstance(figure, int | float):
        return {"": float(figure)}
    return {"": figure.value} | {end: float(getattr(figure, end)) for end in ENDS if hasattr(figure, end)}


@singledispatch
def figures(results: object) -> dict[str, Figure]:
    """Figures by name, `rates/ATTACK/DEFENSE/SAMPLER/MEASURE` among them.

    Args:
        results: of `defend`, `generate` or `apply`.
    """
    raise TypeError(f"{type(results).__name__} has no figures")


@figures.register
def _of_defend(results: DefendResults) -> dict[str, Figure]:
    return _named([*_row_figures(results.rows), *_robust_figures(results), *_norm_figures(results.effective)])


@figures.register
def _of_generate(results: GenerateResults) -> dict[str, Figure]:
    counts: list[Named] = [
        (("learning", "steps"), results.steps),
        (("learning", "seconds"), results.learn_seconds),
        (("learning", "fit videos"), results.fit_videos),
        (("learning", "verification videos"), results.verification_videos),
    ]
    return _named([*_row_figures(results.every_row), *counts])


@figures.register
def _of_apply(results: ApplyResults) -> dict[str, Figure]:
    counts: list[Named] = [
        (("files", "written"), len(results.files)),
        (("files", "over budget"), len(results.over_budget)),
        (("files", "not exact"), len(results.not_exact)),
        (("files", "skipped"), len(results.skipped)),
    ]
    return _named([*counts, *_norm_figures(results.effective)])


def _named(found: Iterable[Named]) -> dict[str, Figure]:
    names = UniqueNames()
    return {names(parts): figure for parts, figure in found if figure is not None}


def _row_figures(rows: Iterable[Row]) -> Iterator[Named]:
    for row in rows:
        place = ("rates", *([row.model] if row.model else []), *row.cell)
        yield (*place, "accuracy"), row.accuracy
        yield (*place, "fooling rate"), row.fooling_rate
        yield (*place, "success rate"), row.success_rate
        yield (*place, "net fooling rate"), row.net_fooling_rate


def _robust_figures(results: DefendResults) -> Iterator[Named]:
    """What is left under the strongest attacker of each ladder, and what detectors notice."""
    for ladder in results.ladder:
        for worst in ladder.robust:
            place = ("robust", ladder.defense, worst.sampler)
            yield (*place, "accuracy"), worst.accuracy
            yield (*place, "fooling rate"), worst.fooling_rate
        for bound in ladder.per_video:
            yield ("own pattern a video (bound)", ladder.defense, bound.sampler, "accuracy"), bound.accuracy
            yield ("own pattern a video (bound)", ladder.defense, bound.sampler, "fooling rate"), bound.fooling_rate
    for detector in (*results.detector_ladder, *results.pair_ladder):
        for held in detector.robust:
            yield ("robust", pair_name(detector), "holds"), held.robust_rate
    for row in results.detectors:
        yield ("detectors", row.detector, row.attack, "AUC"), row.auc
        yield ("detectors", row.detector, row.attack, "recall"), row.operating_point.recall
        yield ("detectors", row.detector, row.attack, "false alarms"), row.operating_point.false_positive_rate


def _norm_figures(norms: EffectiveNorms | ProofTotals | None) -> Iterator[Named]:
    if norms is not None:
        for name in ("linf", "l2_rms", "map"):
            yield ("effective", name), float(getattr(norms, name))
    if isinstance(norms, ProofTotals):
        for name in ("psnr", "ssim", "cosine", "energy_kept"):
            yield ("effective", name), getattr(norms, name)


def headline(found: dict[str, Figure]) -> dict[str, Figure]:
    """The figures without a defense, which a list of runs is compared by."""
    return {name: one for name, one in found.items() if name.split("/")[2:3] == [NO_DEFENSE]}
