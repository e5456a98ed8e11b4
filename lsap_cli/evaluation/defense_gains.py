"""Which defenses help: each against no defense, video by video, corrected for the number of defenses."""

from collections.abc import Collection, Sequence

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
            right = not one.changed if one.correct is None else one.correct
            cells.setdefault((one.attack, one.sampler), {}).setdefault(one.defense, {})[one.video] = right
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
                attack=attack, sampler=sampler, defense=spec, gained=pair.gained, lost=pair.lost, of=pair.of,
                p=pair.p, adjusted_p=adjusted[spec],
            )
            for spec, pair in pairs.items()
        ]  # fmt: skip
    return tuple(gains)
