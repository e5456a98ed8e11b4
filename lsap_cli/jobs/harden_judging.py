"""Judging of a hardened network: fresh attackers learned against it and the network before, on held-out recordings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from defenses import Defense
from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.learning.learner import AttackerLearner, AttackerPlace
from lsap_cli.adaptive.planning.attackers import Attacker, warm_started
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.selection import Skipped
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.judging import judge_videos, remove_progress
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.noise_control import noise_control
from lsap_cli.evaluation.protocol import Evaluation, own_protocol
from lsap_cli.evaluation.rows import make_rows
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.learning.settings import FITTED_SAMPLERS
from lsap_cli.results.events import StageEvent
from lsap_cli.results.hardening import FreshAttacker, JudgedNetwork, WorstAttack
from lsap_cli.results.rates import Rate, paired
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, Record
from lsap_cli.results.rows import Row
from lsap_cli.runs import Run
from lsap_cli.specs import build_samplers
from lsap_cli.training.harden_settings import HardenSettings
from lsap_cli.training.labeled_videos import LabeledVideos
from perturbations import Binding, Budget, Perturbation
from perturbations.attacks.lsap import Lsap
from perturbations.objectives import Untargeted

PATTERN, WARM, FRESH = "the pattern", "from the pattern", "fresh, seed "
ZEROS, WARM_START = "zeros", "pattern"
RANDOM_DRAWS = 4  # of a random defense, that a step of an attacker sees of each clip
RECORDS = {"before": "records-before.jsonl", "after": "records.jsonl"}


@dataclass(frozen=True)
class JudgedSide:
    """One of the two networks, judged.

    Attributes:
        network: what results say of it.
        records: of all videos that have predictions.
        files: of the attackers' perturbations, by the attacker's name.
        defense: the spec that it stands behind, or none.
    """

    network: JudgedNetwork
    records: Sequence[Record]
    files: dict[str, str]
    defense: str

    @property
    def undefended_accuracy(self) -> Rate:
        """Clean accuracy without a defense."""
        return _clean(self.network.rows or (), NO_DEFENSE)

    def of_attack(self, attack: str) -> dict[str, Record]:
        """The records under one attack, by the video's name."""
        return {one.video: one for one in self.records if (one.attack, one.defense) == (attack, self.defense)}


@dataclass(frozen=True)
class HardeningJudge:
    """Learns attackers against a network and judges it under them.

    Attributes:
        settings: of the command.
        budget: of attackers.
        binding: of attackers.
        defense: in front of the network; None: none.
        videos: to learn from, and those held out.
        pattern: that the network was hardened against; None: there is none.
        run: gets events, records and the learned perturbations.
        resume: whether to take what an earlier part of the run has done.
        skipped: the command's list of videos that are left out.
    """

    settings: HardenSettings
    budget: Budget
    binding: Binding
    defense: Defense | None
    videos: LabeledVideos
    pattern: Perturbation | None
    run: Run
    resume: bool
    skipped: Skipped

    def judged(self, classifier: Classifier, side: str) -> JudgedSide:
        """A network, judged clean and, where that was asked for, under fresh attackers.

        Args:
            classifier: on its device.
            side: `before` or `after`.

        Raises:
            LsapError: if an attacker cannot learn, or no video can be judged.
        """
        learned = self._learned(classifier, side) if self.settings.judge else {}
        patterns = {name: one for name, (one, _) in learned.items()}
        if self.pattern is not None and learned:
            patterns[PATTERN] = self.pattern
        sources: dict[str, PerturbationSource] = {NO_ATTACK: Unperturbed()}
        if learned:
            sources[NOISE] = noise_control(next(iter(patterns.values())), self.settings.seed)
        sources |= {name: AddedPerturbation(one) for name, one in patterns.items()}
        spec = self.settings.defense or NO_DEFENSE
        defenses = {NO_DEFENSE: None} if self.defense is None else {NO_DEFENSE: None, spec: self.defense}
        others = {name: [spec] for name in sources if name != NO_ATTACK}
        protocol = own_protocol(classifier, self.settings.seed, classifier.mean.device)
        evaluation = Evaluation(protocol, self.run, self.skipped, self.resume)
        videos = [one.video for one in self.videos.held_out]
        self.run.event(StageEvent(name=f"judging the network {side} hardening", videos=len(videos)))
        matrix = EvaluationMatrix(sources, defenses, others)
        records = judge_videos(evaluation, matrix, videos, RECORDS[side], must_be_readable=True).records
        if not records:
            raise LsapError(f"the network {side} hardening gives none of {len(videos)} videos a finite score", 1)
        files = {name: file for name, (_, file) in learned.items()}
        return JudgedSide(_network(classifier, make_rows(records), spec), records, files, spec)

    def attackers(self, before: JudgedSide, after: JudgedSide) -> tuple[FreshAttacker, ...]:
        """The attackers that both networks were judged against."""
        return tuple(
            FreshAttacker(
                attack=one.name, seed=seed, begins_at=ZEROS if one.start is None else WARM_START, steps=one.steps,
                before=before.files[one.name], after=after.files[one.name],
            )
            for seed, one in self._planned()
            if self.settings.judge
        )  # fmt: skip

    def remove_progress(self) -> None:
        """Removes the files that only an unfinished run needs."""
        remove_progress(self.run.folder)

    def _planned(self) -> list[tuple[int, Attacker]]:
        """Attackers with their seeds: from zeros, each with another seed than training's, and from the pattern."""
        settings = self.settings
        draws = random_draws(self.defense)
        seeds = [settings.seed + 1 + number for number in range(settings.attack_seeds)]
        base = Attacker("", Lsap(), self.defense, self.budget, self.binding, settings.attack_steps, draws)
        planned = [(seed, replace(base, name=f"{FRESH}{seed}")) for seed in seeds]
        if self.pattern is not None:
            planned.append((seeds[0], replace(warm_started(base, self.pattern, ""), name=WARM)))
        return planned

    def _learned(self, classifier: Classifier, side: str) -> dict[str, tuple[Perturbation, str]]:
        """What the attackers learn on the videos to learn from, with its file in the run folder, by their names."""
        planned, learners = self._planned(), dict[int, AttackerLearner]()
        learned: dict[str, tuple[Perturbation, str]] = {}
        first = 0 if side == "before" else len(planned)
        for number, (seed, attacker) in enumerate(planned, start=first + 1):
            if seed not in learners:
                learners[seed] = AttackerLearner(self._setup(classifier, seed), self.run, self.resume)
            learner = learners[seed]
            perturbation = learner.learn(attacker, AttackerPlace(number, 2 * len(planned), 0.0))
            file = learner.files.perturbation_path(attacker).relative_to(self.run.folder)
            learned[attacker.name] = (perturbation, str(file))
        return learned

    def _setup(self, classifier: Classifier, seed: int) -> LearningSetup:
        specs = self.settings.sampler or (classifier.sampler_spec, *FITTED_SAMPLERS)
        samplers = list(build_samplers(specs).values())
        return LearningSetup(classifier, self.videos.fit, samplers, Untargeted(), seed)


def random_draws(defense: Defense | None) -> int:
    """How many draws of a defense a step of an attacker sees of each clip."""
    return 1 if defense is None or defense.deterministic else RANDOM_DRAWS


def attackers_of_a_network(settings: HardenSettings) -> int:
    """How many learn against each network: from zeros, and from the pattern where the method has one."""
    return settings.attack_seeds + (settings.method == "universal")


def paired_fields(before: JudgedSide, after: JudgedSide) -> dict[str, Any]:  # fields of HardenResults
    """The two networks on the same videos, with paired tests."""
    clean = _pairs(before.of_attack(NO_ATTACK), after.of_attack(NO_ATTACK))
    differences = [float(bool(b.correct)) - float(bool(a.correct)) for a, b in clean]
    fields: dict[str, Any] = {
        "before": before.network,
        "after": after.network,
        "undefended_before": None if before.defense == NO_DEFENSE else before.undefended_accuracy,
        "clean_change": paired([bool(a.correct) for a, _ in clean], [bool(b.correct) for _, b in clean]),
        "accuracy_difference": mean_by_recording(differences, [a.recording for a, _ in clean], bounds=(-1.0, 1.0)),
    }
    if before.network.robust_accuracy is not None and after.network.robust_accuracy is not None:
        robust = _pairs(
            before.of_attack(before.network.robust_accuracy.attack),
            after.of_attack(after.network.robust_accuracy.attack),
        )
        fields["robust_change"] = paired([bool(a.correct) for a, _ in robust], [bool(b.correct) for _, b in robust])
        fresh = _pairs(*(side.of_attack(_worst_fresh_attack(side)) for side in (before, after)))
        fields["fresh_change"] = paired([bool(a.correct) for a, _ in fresh], [bool(b.correct) for _, b in fresh])
    if before.network.fooling_rate is not None and after.network.fooling_rate is not None:
        fooled = _pairs(
            before.of_attack(before.network.fooling_rate.attack), after.of_attack(after.network.fooling_rate.attack)
        )
        fields["fooled_change"] = paired([a.changed for a, _ in fooled], [b.changed for _, b in fooled])
    return fields


def _worst_fresh_attack(side: JudgedSide) -> str:
    """Of the attackers that began at zeros, the one that leaves the lowest accuracy."""
    left = {
        row.attack: row.attacked_accuracy.value
        for row in side.network.rows
        if row.attack.startswith(FRESH) and row.defense == side.defense and row.attacked_accuracy
    }
    return min(left, key=lambda attack: left[attack])


def _pairs(before: dict[str, Record], after: dict[str, Record]) -> list[tuple[Record, Record]]:
    """The records of videos that both networks have predicted."""
    return [(before[name], after[name]) for name in before if name in after]


def _network(classifier: Classifier, rows: Sequence[Row], defense: str) -> JudgedNetwork:
    attacked = [row for row in rows if row.kind == "perturbed" and row.defense == defense]
    right = [WorstAttack(attack=row.attack, rate=row.attacked_accuracy) for row in attacked if row.attacked_accuracy]
    fooled = [WorstAttack(attack=row.attack, rate=row.fooling_rate) for row in attacked if row.fooling_rate]
    noise = next((row.fooling_rate for row in rows if (row.attack, row.defense) == (NOISE, defense)), None)
    return JudgedNetwork(
        name=classifier.name,
        clean_accuracy=_clean(rows, defense),
        robust_accuracy=min(right, key=lambda one: one.rate.value, default=None),
        fooling_rate=max(fooled, key=lambda one: one.rate.value, default=None),
        noise_fooling_rate=noise,
        rows=tuple(rows),
    )


def _clean(rows: Sequence[Row], defense: str) -> Rate:
    measured = next(row.clean_accuracy for row in rows if (row.attack, row.defense) == (NO_ATTACK, defense))
    assert measured is not None  # all held-out videos have a label
    return measured
