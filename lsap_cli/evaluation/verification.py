"""What `generate` ends with: perturbations judged on verification videos at their own size, beside controls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, stdev

from defenses import Defense
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.evaluation.matrix import EvaluationMatrix, FrameChanges
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from lsap_cli.evaluation.noise_comparisons import noise_comparisons
from lsap_cli.evaluation.noise_control import noise_control
from lsap_cli.evaluation.protocol import Evaluation, NoPrediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.rows import make_rows
from lsap_cli.evaluation.sampler_transfer import sampler_transfer
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.evaluation.spread import Outcome, outcomes_of
from lsap_cli.results.events import VideoEvent, WarningEvent
from lsap_cli.results.manifest import EffectiveNorms, noise_name
from lsap_cli.results.noise_comparison import NoiseComparison
from lsap_cli.results.rates import p_words
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, Record
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import GeneratedSeeds, SamplerRange
from lsap_cli.runs import Run
from lsap_cli.specs import build_defense
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Binding, Perturbation
from perturbations.controls import CONTROLS

DOMINANT_SHARE = 0.9  # of fooled clips that get one label
FEWEST_FOOLED = 5


@dataclass(frozen=True)
class Verification:
    """Rows for perturbations, and how many videos they are of.

    Attributes:
        rows: undefended, and behind defenses that learning looked through.
        records: of these rows.
        videos: that have records.
        coded: records behind a codec that learning did not look through.
        against_noise: each perturbation against the noise control.
        norms: of what each source adds to the frames, by its name.
    """

    rows: list[Row]
    records: list[Record]
    videos: int
    coded: list[Record]
    against_noise: tuple[NoiseComparison, ...] = ()
    norms: Mapping[str, EffectiveNorms] = field(default_factory=dict)

    @property
    def every_record(self) -> list[Record]:
        """With those behind the codec."""
        return [*self.records, *self.coded]


def verify_perturbations(
    evaluation: Evaluation,
    perturbations: Mapping[str, Perturbation],
    defenses: Mapping[str, Defense],
    videos: Sequence[Video],
    controls: Sequence[str],
    codec: str | None = None,
) -> tuple[list[Record], dict[str, EffectiveNorms]]:
    """Judges perturbations, and controls of the first one, on videos that they were not fitted on.

    Args:
        evaluation: its protocol's seed is also that of the controls.
        perturbations: by name; all of one binding.
        defenses: that learning looked through, beside none.
        videos: verification videos.
        controls: names of controls to judge beside the perturbations.
        codec: spec of a codec behind which the first perturbation is judged, too; None: behind none.

    Returns:
        The records, and the norms of what each source adds to the frames.
    """
    first = next(iter(perturbations.values()))
    protocol, run = evaluation.protocol, evaluation.run
    added = {name: make(first, protocol.seed) for name, make in CONTROLS.items() if name in controls} | {
        **perturbations
    }
    sources: dict[str, PerturbationSource] = {NO_ATTACK: Unperturbed()}
    sources |= {name: AddedPerturbation(one) for name, one in added.items()}
    if NOISE in controls:
        sources[NOISE] = noise_control(first, protocol.seed)
    others: dict[str, Sequence[str]] = {}
    if codec is not None and codec not in defenses:
        coded = next(iter(perturbations))
        others = {name: [NO_DEFENSE, *defenses] for name in sources if name != coded}
        defenses = {**defenses, codec: build_defense(codec)}
    matrix = EvaluationMatrix(sources, {NO_DEFENSE: None, **defenses}, others)
    sampler_sets = [protocol.samplers]
    if not first.binding.fits_a_video:
        run.event(WarningEvent(message=f"binding {first.binding} is for comparison only: no video can carry it"))
        sampler_sets = [{spec: one} for spec, one in protocol.samplers.items()]  # slots are counted in each clip
    records: list[Record] = []
    changes = FrameChanges()
    order = {video.name: number for number, video in enumerate(videos)}
    for samplers in sampler_sets:
        judge = MatrixJudge(replace(protocol, samplers=samplers), matrix)
        outcomes = outcomes_of(evaluation.spread, judge, videos)
        for video, outcome in sorted(_counted(outcomes, run), key=lambda one: order[one[0].name]):
            if isinstance(outcome, UnreadableVideo | NoPrediction):
                skip(run, evaluation.skipped, video, outcome)
            else:
                records += make_records(video, outcome, protocol.classifier.labels)
        changes.merge(judge.measurements.changes)
    return records, {name: one.norms for name, one in changes.by_source.items()}


def verification_passes(binding: Binding, samplers: int) -> int:
    """How often `verify_perturbations` goes through its videos: once for each sampler where clips have slots."""
    return 1 if binding.fits_a_video else samplers


def _counted(outcomes: Iterable[tuple[Video, Outcome]], run: Run) -> Iterator[tuple[Video, Outcome]]:
    """The same; each is an event when it comes."""
    for video, outcome in outcomes:
        run.event(VideoEvent(path=video.name))
        yield video, outcome


def make_verification(
    records: Sequence[Record],
    target: int | None,
    source: int | None,
    coded: str | None = None,
    norms: Mapping[str, EffectiveNorms] | None = None,
) -> Verification:
    """The records with their rows.

    Args:
        records: of all videos.
        target: class of a targeted attack.
        source: class that a discriminative attack is about.
        coded: spec of a codec whose records stand apart and have no rows; None: there is none.
        norms: of what each source adds to the frames; None: not known.
    """
    kept = [record for record in records if record.defense != coded]
    behind = [record for record in records if record.defense == coded]
    learned = {record.attack for record in kept} - {NO_ATTACK, NOISE, *CONTROLS}
    rows, videos = make_rows(kept, target, source), len({record.video for record in records})
    return Verification(rows, kept, videos, behind, noise_comparisons(kept, learned, target), norms or {})


def sampler_range(rows: Sequence[Row], attack: str, targeted: bool = False) -> SamplerRange | None:
    """One attack's lowest and highest rate over videos, without a defense, over all samplers.

    Args:
        rows: of the verification.
        attack: its name in the rows.
        targeted: whether success is counted, not fooling.
    """
    return SamplerRange.of_rates(sampler_transfer(rows, attack, (), targeted).rates)


def seed_rates(rows: Sequence[Row], names: Mapping[int, str], targeted: bool) -> GeneratedSeeds:
    """Rates of perturbations that differ in their seed alone, and their spread.

    Args:
        rows: of the verification.
        names: of the perturbations in the rows, by seed.
        targeted: whether success is counted, not fooling.
    """
    ranges = {str(seed): sampler_range(rows, name, targeted) for seed, name in names.items()}
    rates = {seed: one.lowest if one else None for seed, one in ranges.items()}
    values = [rate.value for rate in rates.values() if rate]
    return GeneratedSeeds(
        rates=rates,
        mean=mean(values) if values else None,
        standard_deviation=stdev(values) if len(values) > 1 else None,
    )


def verification_warnings(verification: Verification, attack: str, targeted: bool) -> Iterator[str]:
    """Reasons not to believe a perturbation's figures yet, each with the figure behind it.

    Args:
        verification: with rows of `attack` and of the noise control.
        attack: name in the rows.
        targeted: then one label for all is what was asked for.
    """
    share = _dominant_label(verification, attack)
    if share is not None and not targeted:
        label, count, of = share
        if of >= FEWEST_FOOLED and count >= DOMINANT_SHARE * of:
            yield (
                f"one label, {label}, is what {count} of {of} fooled clips get: a detector of that label finds them, "
                "and videos that show it are not fooled"
            )
    outcome = "target" if targeted else "changed"
    for test in verification.against_noise:
        if (test.attack, test.outcome) == (attack, outcome) and test.of and not test.is_more:
            be = "is" if test.gained == 1 else "are"
            won = "turned into the target" if targeted else "fooled"
            yield (
                f"not shown to be better than noise: of {test.of} videos, {test.gained} {be} {won} through more "
                f"samplers than by {noise_name(verification.norms.get(NOISE))}, {test.lost} through fewer "
                f"({p_words(test.adjusted_p)})"
            )


def _dominant_label(verification: Verification, attack: str) -> tuple[str, int, int] | None:
    """The label that most fooled clips get through some sampler: (label, fooled clips with it, fooled clips)."""
    labels = [
        row.dominant_label
        for row in verification.rows
        if (row.attack, row.defense) == (attack, NO_DEFENSE) and row.dominant_label
    ]
    if not labels:
        return None
    first = max(labels, key=lambda one: one.share.count)
    same = [one.share for one in labels if one.label == first.label]
    return first.label, sum(one.count for one in same), sum(one.share.of for one in labels)
