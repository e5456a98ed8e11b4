"""Defenses by conditions: no attack, noise, the given perturbation, the worst attacker that knows the defense."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lsap_cli.results.documents import DefendResults, GenerateResults
from lsap_cli.results.ladders import DefenseLadder
from lsap_cli.results.measures import METRICS, Metric, goodness, metrics_of, rate_of_row
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE
from lsap_cli.results.rows import DefenseGain, Row, Rows

Condition = Literal["no attack", "noise", "given", "worst"]
CONDITIONS: tuple[Condition, ...] = ("no attack", "noise", "given", "worst")
LEARNED = re.compile(r"(?:(A[1-5])|single step|twice the steps|from the given one|epsilon) ")  # names of attackers


@dataclass(frozen=True)
class MeasuredRate:
    """One rate of a cell of the matrix.

    Attributes:
        attack: as in the rows.
        rung: of the ladder, `A2`; empty outside of one.
        sampler: the spec.
        rate: of the matrix's metric.
    """

    attack: str
    rung: str
    sampler: str
    rate: Rate


@dataclass(frozen=True)
class MatrixCell:
    """A defense under one condition.

    Attributes:
        defense: `none`, or the spec.
        condition: of the column.
        measured: one entry for each sampler that is looked at.
        helps_most: whether a paired test shows that the defense helps with each of those samplers, and no other that
            is shown to help gains more.
    """

    defense: str
    condition: Condition
    measured: tuple[MeasuredRate, ...]
    helps_most: bool = False


@dataclass(frozen=True)
class DefenseMatrix:
    """Rates of every defense under the conditions that a run measured.

    Attributes:
        metric: what the rates are of.
        samplers: that are looked at.
        defenses: rows, `none` first.
        conditions: columns.
        cells: by defense and condition; only those that were measured.
        adaptive: whether the last column is of attackers that know the defense.
    """

    metric: Metric
    samplers: tuple[str, ...]
    defenses: tuple[str, ...]
    conditions: tuple[Condition, ...]
    cells: Mapping[tuple[str, Condition], MatrixCell]

    @property
    def adaptive(self) -> bool:
        return "worst" in self.conditions

    def cell(self, defense: str, condition: Condition) -> MatrixCell | None:
        return self.cells.get((defense, condition))

    def shown(self, defense: str, condition: Condition) -> MeasuredRate | None:
        """The rate of the sampler that is worst for the model (ties: the first); None where nothing was measured."""
        cell = self.cell(defense, condition)
        if cell is None:
            return None
        return min(cell.measured, key=lambda one: goodness(one.rate, self.metric), default=None)

    def least_harmed(self, defense: str, condition: Condition) -> MeasuredRate | None:
        """The rate of the sampler that is best for the model (ties: the first); None where nothing was measured."""
        cell = self.cell(defense, condition)
        if cell is None:
            return None
        return max(cell.measured, key=lambda one: goodness(one.rate, self.metric), default=None)

    def best(self, condition: Condition) -> MatrixCell | None:
        """The cell of the defense that is shown to help most; None where none is."""
        return next((one for one in self.cells.values() if one.condition == condition and one.helps_most), None)

    def leaves_most(self, condition: Condition) -> str | None:
        """The defense with the best rate, shown to help or not (ties: the first); None where none was measured."""
        rates = {
            defense: goodness(one.rate, self.metric)
            for defense in self.defenses
            if defense != NO_DEFENSE and (one := self.shown(defense, condition)) is not None
        }
        return max(rates, key=lambda defense: rates[defense], default=None)


def matrix_of_results(
    results: DefendResults | GenerateResults, metric: Metric | None = None, sampler: str | None = None
) -> DefenseMatrix:
    """The matrix of a finished run.

    Args:
        results: of `defend` or `generate`.
        metric: by default the first that any row has.
        sampler: to look at one alone; by default all.
    """
    rows = Rows.of_every_defense(results.rows)
    ladders = results.ladder if isinstance(results, DefendResults) else ()
    gains = (results.defense_gains, results.ladder_gains) if isinstance(results, DefendResults) else ((), ())
    return _matrix(rows, worst_of_ladders(ladders), gains, metric, sampler)


def matrix_of_rows(rows: Rows, metric: Metric | None = None, sampler: str | None = None) -> DefenseMatrix:
    """The matrix of a run that goes on: rows counted so far, whose learned attackers are known by their names."""
    learned = [(found[1], row) for row in rows.rows if (found := LEARNED.match(row.attack))]
    given = Rows(tuple(row for row in rows.rows if not LEARNED.match(row.attack)))
    return _matrix(given, [(rung, row) for rung, row in learned if rung], ((), ()), metric, sampler)


def _matrix(
    rows: Rows,
    worst: Sequence[tuple[str, Row]],
    gains: tuple[Sequence[DefenseGain], Sequence[DefenseGain]],
    wanted: Metric | None,
    sampler: str | None,
) -> DefenseMatrix:
    metric = wanted if wanted is not None else next(iter(metrics_of(rows)), METRICS[0])
    samplers = tuple(rows.samplers) if sampler is None else (sampler,)
    by_condition: dict[Condition, list[tuple[str, Row]]] = {
        "no attack": [("", row) for row in rows.rows if row.attack == NO_ATTACK],
        "noise": [("", row) for row in rows.rows if row.attack == NOISE],
        "given": [("", row) for row in rows.rows if row.kind == "perturbed"],
        "worst": list(worst),
    }
    cells: dict[tuple[str, Condition], MatrixCell] = {}
    defenses = dict.fromkeys([*rows.defenses, *(row.defense for _, row in worst)])
    for condition, sources in by_condition.items():
        paired = gains[1] if condition == "worst" else gains[0] if condition == "given" else ()
        best = _helps_most(paired, _attack_of(condition, rows, samplers), samplers)
        for defense in defenses:
            found = list(_measured(sources, defense, samplers, metric))
            if found:
                cells[defense, condition] = MatrixCell(defense, condition, tuple(found), defense == best)
    conditions = tuple(one for one in CONDITIONS if any(key[1] == one for key in cells))
    return DefenseMatrix(metric, samplers, tuple(defenses), conditions, cells)


def _measured(
    sources: Iterable[tuple[str, Row]], defense: str, samplers: Sequence[str], metric: Metric
) -> Iterable[MeasuredRate]:
    """For each sampler the attack of a condition that is worst for the model."""
    for sampler in samplers:
        known = [
            MeasuredRate(row.attack, rung, sampler, rate)
            for rung, row in sources
            if (row.defense, row.sampler) == (defense, sampler) and (rate := rate_of_row(row, metric)) is not None
        ]
        if known:
            yield min(known, key=lambda one: goodness(one.rate, metric))


def worst_of_ladders(ladders: Sequence[DefenseLadder]) -> list[tuple[str, Row]]:
    """For each defense and sampler the row of the attacker that counts, with its rung there (law 8)."""
    found: list[tuple[str, Row]] = []
    for ladder in ladders:
        for worst in ladder.robust:
            rows = [row for rung in ladder.rungs for row in rung.rows if rung.attack == worst.attack]
            own = next((row for row in rows if row.sampler == worst.sampler), None)
            made = Row(
                attack=worst.attack, defense=ladder.defense, sampler=worst.sampler, videos=own.videos if own else 0,
                clean_accuracy=worst.clean_accuracy, attacked_accuracy=worst.accuracy, fooling_rate=worst.fooling_rate,
                success_rate=own.success_rate if own else None,
            )  # fmt: skip
            found.append((worst.rung, made))
    return found


def _attack_of(condition: Condition, rows: Rows, samplers: Sequence[str]) -> str | None:
    """The attack whose paired tests a column is marked by; None: any."""
    if condition != "given" or not samplers:
        return None
    strongest = rows.strongest(samplers[0])
    return strongest.attack if strongest else None


def _helps_most(gains: Sequence[DefenseGain], attack: str | None, samplers: Sequence[str]) -> str | None:
    """The defense that is shown to help with every sampler, and gains most where it gains least."""
    by_defense: dict[str, dict[str, DefenseGain]] = {}
    for one in gains:
        if one.helps and attack in (None, one.attack):
            by_defense.setdefault(one.defense, {})[one.sampler] = one
    least = {
        defense: min(found[sampler].gained - found[sampler].lost for sampler in samplers)
        for defense, found in by_defense.items()
        if samplers and all(sampler in found for sampler in samplers)
    }
    return max(least, key=lambda defense: least[defense], default=None)
