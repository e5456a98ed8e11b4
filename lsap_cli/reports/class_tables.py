"""Tables by class: accuracy before and under attack, and what was taken for what."""

from collections import defaultdict
from collections.abc import Iterable

from lsap_cli.reports.grid import Grid, figure_cell
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.per_class import ClassOutcome, ClassOutcomes, class_outcomes
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, Record
from lsap_cli.results.rows import Rows

SHOWN = 25  # lines on the page; the files have all
Columns = dict[str, str]  # the name of an attack, and what it is called in a heading


def class_grids(results: DefendResults, records: Iterable[Record]) -> list[Grid]:
    """Both tables, for videos without a defense and the first sampler; empty without records.

    Args:
        results: of a run.
        records: of the same run.
    """
    rows = Rows.of_every_defense(results.rows)
    if not rows.rows:
        return []
    sampler = rows.samplers[0]
    strongest = rows.strongest(sampler)
    attacks = {NO_ATTACK: "clean", NOISE: "noise"}
    if strongest:
        attacks[strongest.attack] = "perturbed"
    columns = {attack: name for attack, name in attacks.items() if rows.find(attack, NO_DEFENSE, sampler)}
    found = class_outcomes(records, NO_DEFENSE, sampler)
    where = f"Without a defense, sampler {sampler}."
    if strongest and len(rows.perturbations) > 1:
        where += f" Perturbed: {strongest.attack}, which does most harm."
    grids = [_class_grid(found, columns, where, results), _mistake_grid(found, columns, where)]
    return [grid for grid in grids if grid.lines and (found.labeled or len(columns) > 1)]


def _class_grid(found: ClassOutcomes, columns: Columns, where: str, results: DefendResults) -> Grid:
    """A line for each class, those that lose most videos first."""
    measure, headings = "accuracy", columns
    if not found.labeled:
        measure, headings = "fooling rate", {attack: name for attack, name in columns.items() if attack != NO_ATTACK}
    last = list(columns)[-1] if columns else NO_ATTACK
    by_class = _by_class(found)
    lines = [
        (
            label,
            str(max(one.videos for one in outcomes.values())),
            *(figure_cell(_measured(outcomes.get(attack), found.labeled)) for attack in headings),
            _most_taken_for(outcomes.get(last)),
        )
        for label, outcomes in sorted(by_class.items(), key=lambda item: (-_lost(item[1], last), item[0]))
    ]
    what = "label" if found.labeled else "clean prediction"
    header = (
        "class",
        "videos",
        *(f"{measure}, {name}" for name in headings.values()),
        f"most often taken for, {columns.get(last, last)}",
    )
    note = (
        f"{where} A video's class is its {what}. Rate (count, 95 % Wilson interval); classes that lose most videos "
        f"come first. {_left_out(found, results)}"
    )
    return Grid("classes", "Class by class", note.strip(), header, tuple(lines), SHOWN)


def _mistake_grid(found: ClassOutcomes, columns: Columns, where: str) -> Grid:
    """A line for each class and the wrong class that its videos get, the most frequent under the attack first."""
    shares: dict[tuple[str, str], dict[str, Rate]] = defaultdict(dict)
    for outcome in found.outcomes:
        for wrong in outcome.taken_for:
            if outcome.attack in columns:
                shares[outcome.label, wrong.label][outcome.attack] = wrong.share
    by_class = _by_class(found)

    def frequency(pair: tuple[str, str]) -> tuple[int, ...]:
        own = shares[pair]
        return tuple(-own[attack].count if attack in own else 0 for attack in reversed(columns))

    lines = [
        (
            *pair,
            *(_share(shares[pair].get(attack), by_class[pair[0]].get(attack)) for attack in columns),
        )
        for pair in sorted(shares, key=lambda pair: (frequency(pair), pair))
    ]
    what = "label" if found.labeled else "clean prediction"
    note = (
        f"{where} Videos of a class ({what}) that get another one: share of the class's videos (count, 95 % Wilson "
        "interval). The most frequent ones come first."
    )
    return Grid(
        "taken-for", "What was taken for what", note, ("class", "taken for", *columns.values()), tuple(lines), SHOWN
    )


def _by_class(found: ClassOutcomes) -> dict[str, dict[str, ClassOutcome]]:
    by_class: dict[str, dict[str, ClassOutcome]] = defaultdict(dict)
    for outcome in found.outcomes:
        by_class[outcome.label][outcome.attack] = outcome
    return by_class


def _lost(outcomes: dict[str, ClassOutcome], attack: str) -> int:
    """Videos that the class loses under an attack: right ones, or without labels unchanged ones."""
    attacked, clean = outcomes.get(attack), outcomes.get(NO_ATTACK)
    if attacked and attacked.accuracy:
        return (clean.accuracy.count if clean and clean.accuracy else attacked.accuracy.of) - attacked.accuracy.count
    return attacked.fooling_rate.count if attacked and attacked.fooling_rate else 0


def _measured(outcome: ClassOutcome | None, labeled: bool) -> Rate | None:
    if outcome is None:
        return None
    return outcome.accuracy if labeled else outcome.fooling_rate


def _most_taken_for(outcome: ClassOutcome | None) -> str:
    if outcome is None or not outcome.taken_for:
        return "–"
    first = outcome.taken_for[0]
    return f"{first.label} {first.share.count}/{first.share.of}"


def _share(share: Rate | None, outcome: ClassOutcome | None) -> str:
    """A share; zero where the class was measured and never taken for it."""
    return figure_cell(share or (rate_of(0, outcome.videos) if outcome else None))


def _left_out(found: ClassOutcomes, results: DefendResults) -> str:
    sentences = []
    classes = results.protocol.classes if results.protocol else 0
    named = len(found.labels)
    if classes > named:
        sentences.append(f"{classes - named} of the network's {classes} classes have no video here.")
    if found.without_label:
        videos = "video has" if found.without_label == 1 else "videos have"
        sentences.append(f"{found.without_label} {videos} no label, and no line.")
    return " ".join(sentences)
