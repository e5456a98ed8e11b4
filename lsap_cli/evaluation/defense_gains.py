"""Which defenses help: each against no defense, video by video, corrected for the number of defenses."""

from collections.abc import Collection, Mapping, Sequence

from lsap_cli.results.ladders import DefenseLadder
from lsap_cli.results.rates import holm, paired
from lsap_cli.results.records import NO_DEFENSE, Record
from lsap_cli.results.rows import DefenseGain


def defense_gains(records: Sequence[Record], attacks: Collection[str]) -> tuple[DefenseGain, ...]:
    """What each defense gains and loses under each attack and sampler.

    A video counts as right where its prediction is one of its labels; without labels, where the prediction is the
    clean, undefended one. The p of McNemar's test is adjusted for the defenses that one attack and sampler meets (Holm,
    1979).

    Args:
        records: of all videos; every cell has the same videos.
        attacks: that were judged behind all defenses, as in the records.
    """
    cells: dict[tuple[str, str], dict[str, dict[str, bool]]] = {}  # by attack and sampler; then defense; then video
    for one in records:
        if one.attack in attacks:
            cells.setdefault((one.attack, one.sampler), {}).setdefault(one.defense, {})[one.video] = _right(one)
    return _gains(cells, {})


def ladder_gains(records: Sequence[Record], ladders: Sequence[DefenseLadder]) -> tuple[DefenseGain, ...]:
    """What each defense gains and loses with each sampler, each under the attacker that does most harm behind it.

    The same test as `defense_gains`, adjusted for the defenses of one sampler: the undefended network is under its own
    best attacker. `attack` is the one that does most harm behind the defense.

    Args:
        records: of all videos, those under learned attackers among them.
        ladders: of the defenses, that of no defense among them; else there is nothing to compare with.
    """
    worst = {(one.attack, ladder.defense, one.sampler): one for ladder in ladders for one in ladder.robust}
    cells: dict[tuple[str, str], dict[str, dict[str, bool]]] = {}
    for record in records:
        if record.cell in worst:
            cells.setdefault(("", record.sampler), {}).setdefault(record.defense, {})[record.video] = _right(record)
    compared = {key: by_defense for key, by_defense in cells.items() if NO_DEFENSE in by_defense}
    names = {(defense, sampler): attack for attack, defense, sampler in worst}
    return _gains(compared, names)


def _right(record: Record) -> bool:
    return not record.changed if record.correct is None else record.correct


def _gains(
    cells: Mapping[tuple[str, str], Mapping[str, Mapping[str, bool]]], names: Mapping[tuple[str, str], str]
) -> tuple[DefenseGain, ...]:
    """Each defense against no defense.

    Args:
        cells: outcomes by attack and sampler, then defense, then video.
        names: of the attack behind a defense and with a sampler, where it is not the cell's.
    """
    gains: list[DefenseGain] = []
    for (attack, sampler), by_defense in cells.items():
        undefended = by_defense[NO_DEFENSE]
        pairs = {
            spec: paired(list(undefended.values()), [right[video] for video in undefended])
            for spec, right in by_defense.items()
            if spec != NO_DEFENSE
        }
        adjusted = holm({spec: pair.p for spec, pair in pairs.items()})
        gains += [
            DefenseGain(
                attack=names.get((spec, sampler), attack), sampler=sampler, defense=spec, gained=pair.gained,
                lost=pair.lost, of=pair.of, p=pair.p, adjusted_p=adjusted[spec],
            )
            for spec, pair in pairs.items()
        ]  # fmt: skip
    return tuple(gains)
