"""results.json of each command."""

from typing import Literal

from msgspec import field
from msgspec.structs import replace

from lsap_cli.results.base import UNSET, Count, Result, UnsetType
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.ladders import BudgetPoint, Check, DefenseLadder, DetectorLadder
from lsap_cli.results.manifest import EffectiveNorms, ManifestEntry, ProofTotals
from lsap_cli.results.noise_comparison import NoiseComparison
from lsap_cli.results.pictures import Pictures
from lsap_cli.results.rates import Rate
from lsap_cli.results.robustness import CertificateRow, NaturalRobustness
from lsap_cli.results.rows import DefenseGain, Row, TwoClassRates
from lsap_cli.results.skipped import SkippedVideo as SkippedVideo
from lsap_cli.results.spread import GeneratedSeeds, SamplerTransfer, SeedSpread, TransferMatrix
from lsap_cli.results.study import StudyResults
from lsap_cli.results.training import TrainResults
from lsap_cli.results.way_stages import WayStage


class DeclaredDefense(Result, frozen=True, kw_only=True):
    """What a defense declares, for adaptive attacks.

    Attributes:
        deterministic: whether it draws nothing at random.
        differentiable: whether it has a gradient of its own.
        frames: which source frames a defended frame is made of.
        gradient: what an attacker gets of it.
        passes_constant_in_time: whether patterns that are constant in time pass.
        passes_low_frequencies: whether patterns that are smooth in space pass.
        passes_stripes: whether gray stripes of single pixels pass.
        null_space: what it declares to let through, in words.
    """

    deterministic: bool
    differentiable: bool
    frames: str = ""
    gradient: str = ""
    passes_constant_in_time: bool = False
    passes_low_frequencies: bool = False
    passes_stripes: bool = False
    null_space: str = ""


class Identifier(Result, frozen=True, kw_only=True):
    """An entry of a catalog.

    Attributes:
        id: such as `AML.T0015`.
        name: its title there.
    """

    id: str
    name: str


class AtlasIdentifiers(Result, frozen=True, kw_only=True):
    """MITRE ATLAS.

    Attributes:
        version: of the catalog.
        techniques: that the run uses.
        mitigations: that it measures.
    """

    version: str
    techniques: tuple[Identifier, ...] = ()
    mitigations: tuple[Identifier, ...] = ()


class NistIdentifiers(Result, frozen=True, kw_only=True):
    """NIST AI 100-2.

    Attributes:
        version: of the document.
        attacks: classes of attacks.
        stage: of learning at which they happen.
        goal: of the attacker.
        knowledge: of the attacker.
        capability: of the attacker.
    """

    version: str
    attacks: tuple[Identifier, ...] = ()
    stage: str = ""
    goal: str = ""
    knowledge: str = ""
    capability: str = ""


class Requirements(Result, frozen=True, kw_only=True):
    """Requirements of one standard or law that a run's figures are about.

    Attributes:
        version: of the document.
        requirements: whose question the run measures; no statement that they are met.
    """

    version: str
    requirements: tuple[Identifier, ...] = ()


class Identifiers(Result, frozen=True, kw_only=True):
    """Identifiers for what a run does, so that a result can be filed.

    Attributes:
        atlas: MITRE ATLAS.
        nist: NIST AI 100-2.
        aisvs: OWASP AISVS; null in files of version 0.1.
        eu_ai_act: article 15 of the EU's AI Act; null likewise.
    """

    atlas: AtlasIdentifiers
    nist: NistIdentifiers
    aisvs: Requirements | None = None
    eu_ai_act: Requirements | None = None


class Protocol(Result, frozen=True, kw_only=True):
    """With what a `defend` run was made.

    Attributes:
        classifier: its name.
        classes: of the classifier.
        videos: that were judged.
        listed: that the set has, with those that were left out; null in files of version 0.1.
        labelled: of the judged ones.
        frames: of a clip.
        views: clips a video.
        crops: of each clip; null in files of version 0.1.
        norm: of the budget; null where the perturbation is not known.
        epsilon: likewise.
        binding: likewise.
        learned_against: the model that the perturbation was learned on.
        target: a label; null without a target.
        seed: of everything that is drawn.
        perturbations: how many, of different seeds.
        draws: of random defenses.
        fit_videos: that attackers learned from; null where nothing was learned.
        steps: of each attacker; null likewise.
        ladder: `fast` or `full`: whether attackers race, or take all their steps; null likewise.
        learning_draws: of random defenses while learning; null likewise.
        perturbed_by: `folder` or `perturbation`.
        overlap_allowed: whether law 5 was waived.
        overlap: names of videos that were used for learning.
    """

    classifier: str
    classes: Count
    videos: Count
    listed: Count | None = None
    labelled: Count
    frames: Count
    views: Count | None = None
    crops: Count | None = None
    norm: str | None = None
    epsilon: str | None = None
    binding: str | None = None
    learned_against: str | None = None
    target: str | None = None
    seed: int = 0
    perturbations: Count = 1
    draws: Count = 1
    fit_videos: Count | None = None
    steps: Count | None = None
    ladder: str | None = None
    learning_draws: tuple[Count, ...] | None = None
    perturbed_by: Literal["folder", "perturbation"] = "perturbation"
    overlap_allowed: bool = False
    overlap: tuple[str, ...] = ()


class CostByPart(Result, frozen=True, kw_only=True):
    """Seconds by part.

    Attributes:
        decode: reading videos.
        transform: the defenses.
        network: the classifier.
        rest: what is none of these.
        all: the whole.
    """

    decode: float = 0.0
    transform: float = 0.0
    network: float = 0.0
    rest: float = 0.0
    all: float = 0.0


class JudgingCost(Result, frozen=True, kw_only=True):
    """What judging the rows took, in all parts of a resumed run.

    Attributes:
        seconds: on the wall. Where threads judge side by side, each one's part counts its share.
        processor_seconds: of the threads that judge, and in `all` of all threads.
    """

    seconds: CostByPart = CostByPart()
    processor_seconds: CostByPart = CostByPart()


class DefendResults(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.results/1"):
    """Results of `defend`.

    Attributes:
        rows: one for each attack, defense and sampler.
        protocol: with what it was made.
        detectors: with `--detector`, one row for each detector and attack.
        defenses: by spec, what each one declares.
        against_noise: each attack against the noise control, undefended: the given ones, and the rungs of the ladder of
            no defense. Empty without a control, and in files before version 0.2.
        defense_gains: what each defense changes under each attack that meets all defenses.
        ladder: with `--adaptive`, one entry a defense, `none` first.
        ladder_gains: what each defense changes where it and no defense are each under their own best attacker; `attack`
            is the one behind the defense. Empty without `--adaptive`, and in files of version 0.1.
        detector_ladder: with `--adaptive` and `--detector`, one entry a detector.
        pair_ladder: with `--adaptive`, `--detector` and `--defense`, one entry for each defense with each detector.
        checks: of the attackers, and of the whole run.
        budget_curve: with `--epsilons` or `--adaptive`.
        seeds: with several `--perturbation`, one entry for each defense and sampler.
        transfer: with several `--model`; else null.
        sampler_matrix: of the given perturbation, and of the one that was learned here against the bare model.
        identifiers: of catalogs.
        natural_robustness: with `--corruptions` and labels; else null.
        certificates: with `--certify`, one row for each smoothing.
        effective: norms of the perturbation, over the frames that samplers and defenses need. With `--perturbed`: null
            where no file can be compared with its video, frame by frame.
        effective_noise: the same for the noise control.
        cost: of judging the rows.
        skipped: videos that were left out.
        pictures: paths are relative to the run folder.
    """

    rows: tuple[Row, ...]
    protocol: Protocol | None = None
    detectors: tuple[DetectorRow, ...] = ()
    defenses: dict[str, DeclaredDefense] = field(default_factory=dict)
    against_noise: tuple[NoiseComparison, ...] = ()
    defense_gains: tuple[DefenseGain, ...] = ()
    ladder: tuple[DefenseLadder, ...] = ()
    ladder_gains: tuple[DefenseGain, ...] = ()
    detector_ladder: tuple[DetectorLadder, ...] = ()
    pair_ladder: tuple[DetectorLadder, ...] = ()
    checks: tuple[Check, ...] = ()
    budget_curve: tuple[BudgetPoint, ...] = ()
    seeds: tuple[SeedSpread, ...] = ()
    transfer: TransferMatrix | None = None
    sampler_matrix: tuple[SamplerTransfer, ...] = ()
    identifiers: Identifiers | None = None
    natural_robustness: NaturalRobustness | None = None
    certificates: tuple[CertificateRow, ...] = ()
    effective: EffectiveNorms | None = None
    effective_noise: EffectiveNorms | None = None
    cost: JudgingCost | None = None
    skipped: tuple[SkippedVideo, ...] = ()
    pictures: Pictures | None = None


class FrameStoreCost(Result, frozen=True, kw_only=True):
    """What the decoded videos take.

    Attributes:
        seconds: of decoding.
        memory_bytes: of frames.
        disk_bytes: of frames that did not fit into memory.
    """

    seconds: float = 0.0
    memory_bytes: Count = 0
    disk_bytes: Count = 0


class SurrogateResults(Result, frozen=True, kw_only=True):
    """What a perturbation does to one of the further models that it was learned against.

    Attributes:
        model: its name.
        fit_samplers: specs.
        held_out_samplers: specs.
        rows: as those of the first model; their records are in `records-1.jsonl`, `records-2.jsonl` and so on.
        sampler_matrix: one entry a perturbation.
        seeds: the spread over seeds.
        against_noise: as those of the first model.
        effective: likewise.
        effective_noise: likewise.
    """

    model: str
    fit_samplers: tuple[str, ...] = ()
    held_out_samplers: tuple[str, ...] = ()
    rows: tuple[Row, ...]
    sampler_matrix: tuple[SamplerTransfer, ...] = ()
    seeds: GeneratedSeeds | None = None
    against_noise: tuple[NoiseComparison, ...] = ()
    effective: EffectiveNorms | None = None
    effective_noise: EffectiveNorms | None = None


class GenerateResults(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.generate/1"):
    """What `generate` learned.

    Attributes:
        out: the perturbation file.
        attack: its spec; empty in files of version 0.1 before there were several.
        steps: of learning.
        converged: whether learning ended because nothing was left to win.
        learn_seconds: of learning.
        queries: clips that the attack asked the network about, in its steps; absent in files of version 0.1.
        fit_videos: how many.
        verification_videos: how many.
        fit_samplers: specs.
        held_out_samplers: specs.
        frame_store: what the decoded videos take.
        rows: on the verification videos, undefended and behind each `--through`: `none`, `noise` (with `--controls`
            three more) and `perturbed`, for the model's own sampler, those learned through and those held out; with
            `--seeds` and `--matrix` a row for each more perturbation. With `--only`, `success_rate` counts videos of
            that label.
        sampler_matrix: one entry a perturbation.
        seeds: the spread over seeds.
        against_noise: each perturbation against the noise control, undefended; empty in files before version 0.2.
        effective: norms of the first perturbation in the verification videos' frames; null in files before version 0.2.
        effective_noise: the same for the noise control.
        way: where the perturbation's effect goes, stage by stage; empty with `--only`, with several `--model`, and for
            a perturbation that no video can carry.
        surrogates: with several `--model`, one entry for each but the first, whose rows are `rows`.
        doubts: warnings: why the figures are not reliable yet.
        skipped: videos that were left out.
    """

    out: str
    attack: str = ""
    steps: Count
    converged: bool = False
    learn_seconds: float = 0.0
    queries: Count | UnsetType = UNSET
    fit_videos: Count
    verification_videos: Count
    fit_samplers: tuple[str, ...] = ()
    held_out_samplers: tuple[str, ...] = ()
    frame_store: FrameStoreCost | UnsetType = UNSET
    rows: tuple[Row, ...]
    sampler_matrix: tuple[SamplerTransfer, ...] = ()
    seeds: GeneratedSeeds | None = None
    against_noise: tuple[NoiseComparison, ...] = ()
    effective: EffectiveNorms | None = None
    effective_noise: EffectiveNorms | None = None
    way: tuple[WayStage, ...] = ()
    surrogates: tuple[SurrogateResults, ...] = ()
    doubts: tuple[str, ...] = ()
    skipped: tuple[SkippedVideo, ...] = ()

    @property
    def every_row(self) -> tuple[Row, ...]:
        """The rows of all models."""
        return (*self.rows, *(row for one in self.surrogates for row in one.rows))

    def by_model(self) -> tuple["GenerateResults", ...]:
        """The results as they are for each model alone, the first one's first."""
        others = (
            replace(
                self, fit_samplers=one.fit_samplers, held_out_samplers=one.held_out_samplers, rows=one.rows,
                sampler_matrix=one.sampler_matrix, seeds=one.seeds, against_noise=one.against_noise, surrogates=(),
                effective=one.effective, effective_noise=one.effective_noise,
            )
            for one in self.surrogates
        )  # fmt: skip
        return replace(self, surrogates=()), *others


class BudgetFacts(Result, frozen=True, kw_only=True):
    """A budget.

    Attributes:
        norm: `linf` or `l2`.
        epsilon: such as `8/255`.
    """

    norm: str
    epsilon: str


class ApplyResults(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.apply/1"):
    """What `apply` wrote.

    Attributes:
        out: the folder.
        files: the lines of the manifest.
        resumed: sources whose files were there already.
        effective: the proof over all files; null without a file.
        budget: of the perturbation.
        lossless: whether the codec is.
        over_budget: files whose measured norm exceeds the budget.
        not_exact: of a lossless codec: files that are not `exact`.
        skipped: videos that were left out.
    """

    out: str
    files: tuple[ManifestEntry, ...]
    resumed: tuple[str, ...] = ()
    effective: ProofTotals | None = None
    budget: BudgetFacts
    lossless: bool = False
    over_budget: tuple[str, ...] = ()
    not_exact: tuple[str, ...] = ()
    skipped: tuple[SkippedVideo, ...] = ()


class ModelFinding(Result, frozen=True, kw_only=True):
    """One test of a network.

    Attributes:
        verdict: PASS, WARN or FAIL.
        test: what was tested.
        figure: the figure behind it.
    """

    verdict: Literal["PASS", "WARN", "FAIL"]
    test: str
    figure: str


class ModelAccuracy(Result, frozen=True, kw_only=True):
    """A network on labelled videos.

    Attributes:
        top1: videos whose best class is right.
        top5: videos one of whose five best classes is; null where the network has no more than five.
        two_class: AUC and both kinds of errors; absent for networks of other than two classes.
        top1_red_and_blue_exchanged: as top1, with exchanged channels.
        channels_p: exact two-sided p of McNemar's test between the two; null where no video differs.
        protocol: how videos become clips, in words.
        skipped: videos that were left out.
    """

    top1: Rate | None = None
    top5: Rate | None = None
    two_class: TwoClassRates | UnsetType = UNSET
    top1_red_and_blue_exchanged: Rate | None = None
    channels_p: float | None = None
    protocol: str = ""
    skipped: tuple[SkippedVideo, ...] = ()


class ModelCheckResults(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.check/1"):
    """Results of `models check`.

    Attributes:
        model: its name.
        findings: one a test.
        accuracy: with videos, if nothing failed; else absent.
    """

    model: str
    findings: tuple[ModelFinding, ...] = ()
    accuracy: ModelAccuracy | UnsetType = UNSET


class PredictionResults(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.predictions/1"):
    """Results of `models predict`.

    Attributes:
        model: its name.
        out: the table, a line a video.
        videos: that were classified.
        top1: accuracy on labeled videos; null where none is.
        top5: likewise: videos whose label is among the five likeliest classes; null where there are no more than five.
        two_class: AUC and both kinds of errors; absent for networks of other than two classes.
        skipped: videos that were left out.
    """

    model: str
    out: str
    videos: Count
    top1: Rate | None = None
    top5: Rate | None = None
    two_class: TwoClassRates | UnsetType = UNSET
    skipped: tuple[SkippedVideo, ...] = ()


RunResults = (
    DefendResults
    | GenerateResults
    | ApplyResults
    | ModelCheckResults
    | PredictionResults
    | TrainResults
    | StudyResults
    | HardenResults
)
