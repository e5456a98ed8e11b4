"""results.json of `harden`."""

from lsap_cli.results.base import Count, Result
from lsap_cli.results.rates import Estimate, Paired, Rate
from lsap_cli.results.rows import Row
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.results.training import TrainingFacts


class WorstAttack(Result, frozen=True, kw_only=True):
    """The attack that does most harm to a network.

    Attributes:
        attack: its name in the rows.
        rate: what it leaves or does.
    """

    attack: str
    rate: Rate


class JudgedNetwork(Result, frozen=True, kw_only=True):
    """One of the two networks on the held-out videos, behind the defense where there is one.

    Attributes:
        name: as in reports.
        clean_accuracy: without an attack.
        robust_accuracy: the lowest under any attacker; null without `--judge`.
        fooling_rate: the highest of any attacker; null without `--judge`.
        noise_fooling_rate: of the noise control of equal budget; null without `--judge`.
        rows: what was measured, one row an attack; empty without `--judge`.
    """

    name: str
    clean_accuracy: Rate
    robust_accuracy: WorstAttack | None = None
    fooling_rate: WorstAttack | None = None
    noise_fooling_rate: Rate | None = None
    rows: tuple[Row, ...] = ()


class FreshAttacker(Result, frozen=True, kw_only=True):
    """An attacker that learned on the videos to learn from, against both networks alike.

    Attributes:
        attack: its name in the rows.
        seed: of what it draws.
        begins_at: `zeros`, or `pattern`: the perturbation that the network was hardened against.
        steps: of learning.
        before: its perturbation against the network before, as a path in the run folder.
        after: that against the hardened network.
    """

    attack: str
    seed: Count
    begins_at: str
    steps: Count
    before: str
    after: str


class HardenResults(TrainingFacts, frozen=True, kw_only=True, tag_field="schema", tag="lsap.harden/1"):
    """What `harden` made, beside the network before.

    Attributes:
        out: the folder with the card.
        model: the spec of the network before.
        method: `universal`, `pgd` or `noise`.
        norm: `linf` or `l2`.
        epsilon: the budget, such as `8/255`.
        binding: which slot of the universal delta a frame gets.
        defense: in front of the network, in training and judging; null: none.
        noise: standard deviation of the Gaussian noise in training; null: none.
        pattern: the file with the universal delta of the last step; null for other methods.
        before: the network that training began with.
        after: the hardened network, as its card loads it.
        undefended_before: clean accuracy of the network before without the defense; null without one.
        clean_change: videos that only the hardened network (gained) or only the one before (lost) is right about,
            without an attack.
        accuracy_difference: clean accuracy after less before, with the interval of the bootstrap over recordings.
        robust_change: the same videos under each network's own worst attacker: that of `robust_accuracy`; null without
            `--judge`.
        fresh_change: as `robust_change`, of the attackers alone that began at zeros; null without `--judge`, and in
            files of earlier versions.
        fooled_change: videos that only the worst attacker of the hardened network fools (gained), or only that of the
            network before (lost): those of `fooling_rate`; null without `--judge`.
        attackers: that both networks were judged against, besides the pattern itself.
        warnings: why the figures are not reliable yet.
        skipped: videos that were left out.
    """

    out: str
    model: str
    method: str
    norm: str
    epsilon: str
    binding: str
    defense: str | None = None
    noise: float | None = None
    pattern: str | None = None
    before: JudgedNetwork
    after: JudgedNetwork
    undefended_before: Rate | None = None
    clean_change: Paired
    accuracy_difference: Estimate | None = None
    robust_change: Paired | None = None
    fresh_change: Paired | None = None
    fooled_change: Paired | None = None
    attackers: tuple[FreshAttacker, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: tuple[SkippedVideo, ...] = ()
