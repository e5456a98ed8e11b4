"""A run's answer in a word and a sentence, and the four figures behind it."""

from dataclasses import dataclass

from lsap_cli.results.base import or_none
from lsap_cli.results.defense_matrix import Condition, DefenseMatrix, MeasuredRate, matrix_of_results
from lsap_cli.results.documents import (
    ApplyResults,
    DefendResults,
    GenerateResults,
    ModelCheckResults,
    PredictionResults,
    RunResults,
)
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.hardening_finding import Level, hardening_finding
from lsap_cli.results.hardening_words import hardening_answer
from lsap_cli.results.ladders import attacker_name
from lsap_cli.results.manifest import noise_name
from lsap_cli.results.noise_comparison import NoiseFinding, noise_finding
from lsap_cli.results.printable_result import printable_result
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_DEFENSE
from lsap_cli.results.rows import DefenseGain
from lsap_cli.results.study import StudyResults
from lsap_cli.results.summary import training_sentence
from lsap_cli.results.training import TrainResults


@dataclass(frozen=True)
class Verdict:
    """What a run found.

    Attributes:
        level: good or bad for the model's user; open where the run does not decide it.
        word: a few words.
        sentence: what they rest on.
    """

    level: Level
    word: str
    sentence: str


@dataclass(frozen=True)
class KeyFigure:
    """One figure of those that a person looks for first.

    Attributes:
        name: such as `clean`.
        rate: with its count and interval; None where the figure is none, or was not measured.
        text: instead of a rate.
        note: what it is of, in a few words.
    """

    name: str
    rate: Rate | None = None
    text: str = ""
    note: str = ""


def verdict_of(results: RunResults) -> Verdict:
    """The answer of a finished run."""
    results = printable_result(results)
    match results:
        case DefendResults() | GenerateResults():
            return _robustness(results)
        case TrainResults():
            return _trained(results)
        case HardenResults():
            return _hardened(results)
        case ApplyResults():
            return _applied(results)
        case ModelCheckResults():
            return _checked(results)
        case PredictionResults():
            return _predicted(results)
        case StudyResults():
            return _filled(results)


def key_figures(results: RunResults) -> list[KeyFigure]:
    """At most four figures; of `defend` and `generate` those of `matrix_figures` and `sampler_figures`."""
    results = printable_result(results)
    match results:
        case DefendResults():
            return matrix_figures(matrix_of_results(results))
        case GenerateResults():
            return sampler_figures(matrix_of_results(results))
        case TrainResults():
            recordings = f"{results.held_out.recordings} recordings"
            figures = [
                KeyFigure("held-out accuracy", results.accuracy, note=recordings),
                KeyFigure("most frequent class", results.most_frequent_class),
                KeyFigure("learned from", text=f"{results.fit.videos} videos", note=f"{results.epochs:.1f} epochs"),
            ]
            return [*figures, KeyFigure("ended by", text=results.ended_by)]
        case HardenResults():
            return _hardening_figures(results)
        case ApplyResults():
            totals = results.effective
            exact = sum(one.exact for one in results.files)
            return [
                KeyFigure("files", text=str(len(results.files)), note=f"{exact} exact"),
                KeyFigure("largest change", text=f"{totals.linf:.0f}/255" if totals else ""),
                KeyFigure("root mean square", text=f"{totals.l2_rms:.2f}/255" if totals else ""),
                KeyFigure("of it survives", text=f"{totals.energy_kept:.0%}" if totals and totals.energy_kept else ""),
            ]
        case ModelCheckResults():
            accuracy = or_none(results.accuracy)
            figures = [KeyFigure("top-1", accuracy.top1), KeyFigure("top-5", accuracy.top5)] if accuracy else []
            return [KeyFigure(one, text=str(_verdicts(results, one))) for one in ("PASS", "WARN", "FAIL")][:2] + figures
        case PredictionResults():
            videos = KeyFigure("videos", text=str(results.videos))
            return [videos, KeyFigure("top-1", results.top1), KeyFigure("top-5", results.top5)]
        case StudyResults():
            return [
                KeyFigure("cells done", text=f"{results.count('done')} of {len(results.cells)}"),
                KeyFigure("failed", text=str(results.count("failed"))),
                KeyFigure("videos", text=str(results.videos), note=f"{results.recordings} recordings"),
                KeyFigure("folds", text=str(results.folds), note=f"{len(results.tables)} tables"),
            ]


def matrix_figures(matrix: DefenseMatrix) -> list[KeyFigure]:
    """The undefended network: clean, noise, perturbed, worst adaptive, with the sampler that is worst for it."""
    names: dict[Condition, str] = {
        "no attack": "clean", "noise": "noise", "given": "perturbed", "worst": "worst adaptive",
    }  # fmt: skip
    figures = []
    for condition, name in names.items():
        one = matrix.shown(NO_DEFENSE, condition)
        rung = f" {one.rung}" if one and one.rung else ""
        figures.append(KeyFigure(name + rung, one.rate if one else None, note=one.sampler if one else ""))
    return figures


def sampler_figures(matrix: DefenseMatrix) -> list[KeyFigure]:
    """Of `generate`: clean, noise, perturbed with the sampler that is worst for the network, and with the best one."""
    figures = matrix_figures(matrix)[:3]
    best = matrix.least_harmed(NO_DEFENSE, "given")
    return [*figures, KeyFigure("perturbed, at best", best.rate if best else None, note=best.sampler if best else "")]


def _robustness(results: DefendResults | GenerateResults) -> Verdict:
    matrix, fooling = matrix_of_results(results), matrix_of_results(results, "fooling rate")
    attacks = [one for name in ("given", "worst") if (one := fooling.shown(NO_DEFENSE, name)) is not None]
    strongest = max(attacks, key=lambda one: one.rate.value, default=None)
    if strongest is None:
        return Verdict("open", "NO ATTACK MEASURED", "No perturbed video was judged without a defense.")
    weakest = fooling.least_harmed(NO_DEFENSE, "worst" if strongest.rung else "given")
    noise = _beside(fooling, "noise", strongest.sampler)
    found = noise_finding(
        results.against_noise, strongest.attack, "changed", strongest.rate, noise.rate if noise else None
    )
    effect = _effect(strongest, noise, weakest, found, noise_name(results.effective_noise))
    if found.outcome == "no more":
        return Verdict("open", "NO MORE THAN NOISE", effect)
    if found.outcome == "open":
        return Verdict("open", "UNDECIDED", f"{effect} {found.sentence}")
    if isinstance(results, GenerateResults):
        doubts = f" Warnings: {' '.join(results.doubts)}" if results.doubts else ""
        return Verdict("bad", "FOOLED", effect + doubts)
    return _with_defenses(results, matrix, effect)


def _effect(
    attack: MeasuredRate, noise: MeasuredRate | None, weakest: MeasuredRate | None, found: NoiseFinding, control: str
) -> str:
    who = f"The best attacker ({attacker_name(attack.rung, attack.attack, NO_DEFENSE)})" if attack.rung else (
        f"The perturbation “{attack.attack}”"
    )  # fmt: skip
    control = f"{control}: {noise.rate.count}" if noise else "without a noise control"
    if found.beside_rates and found.outcome != "open":  # where it is open, a sentence has it
        control += f"; {found.beside_rates}"
    rate = attack.rate
    differs = weakest is not None and weakest.rate.value != rate.value
    least = f", of {weakest.rate.count} of {weakest.rate.of} with {weakest.sampler}" if weakest and differs else ""
    return (
        f"{who} changes the prediction of {rate.count} of {rate.of} videos with {attack.sampler} "
        f"({rate.value:.2f}, {rate.interval}; {control}){least}."
    )


def _beside(matrix: DefenseMatrix, condition: Condition, sampler: str) -> MeasuredRate | None:
    cell = matrix.cell(NO_DEFENSE, condition)
    return next((one for one in cell.measured if one.sampler == sampler), None) if cell else None


def _with_defenses(results: DefendResults, matrix: DefenseMatrix, effect: str) -> Verdict:
    """Which defense helps: against its best attacker where that was measured (law 8), else against the given one."""
    warned = sum(one.status == "WARN" for one in results.checks)
    checks = f" {warned} of {len(results.checks)} checks warn." if warned else ""
    if not any(defense != NO_DEFENSE for defense in matrix.defenses):
        return Verdict("bad", "FOOLED", f"{effect} No defense was tried.{checks}")
    condition: Condition = "worst" if matrix.adaptive else "given"
    against = "against its best attacker" if matrix.adaptive else "against this perturbation"
    gains = results.ladder_gains if matrix.adaptive else results.defense_gains
    untried = "" if matrix.adaptive else " Attackers that know the defense were not tried (--adaptive)."
    best = matrix.best(condition)
    if best is not None:
        kept = _kept(matrix, best.defense, condition, gains)
        word = "FOOLED, A DEFENSE HELPS" if matrix.adaptive else "FOOLED, A DEFENSE MAY HELP"
        return Verdict("bad", word, f"{effect} {best.defense} helps most {against}: {kept}.{untried}{checks}")
    leaves = matrix.leaves_most(condition)
    most = f" {leaves} leaves most {against}: {_kept(matrix, leaves, condition, gains)}." if leaves else ""
    shown = "No defense is shown to help." if gains else "This run has no paired test of its defenses."
    return Verdict("bad", "FOOLED", f"{effect} {shown}{most}{untried}{checks}")


def _kept(matrix: DefenseMatrix, defense: str, condition: Condition, gains: tuple[DefenseGain, ...]) -> str:
    own = matrix.shown(defense, condition)
    if own is None:
        return "nothing was measured"
    bare = _beside(matrix, condition, own.sampler)
    what = "right" if matrix.metric == "accuracy" else "changed"
    beside = f", without it {bare.rate.count}" if bare else ""
    gain = next((one for one in gains if _is_of(one, own, defense, condition)), None)
    paired = f"; {gain}" if gain else ""
    rate = own.rate
    return f"{rate.count} of {rate.of} {what} ({rate.value:.2f}, {rate.interval}){beside}{paired}"


def _is_of(gain: DefenseGain, own: MeasuredRate, defense: str, condition: Condition) -> bool:
    """Whether a paired test is of this cell; those of ladders name no single attack, as each side has its own."""
    same_attack = condition == "worst" or gain.attack == own.attack
    return same_attack and (gain.defense, gain.sampler) == (defense, own.sampler)


def _trained(results: TrainResults) -> Verdict:
    frequent = results.most_frequent_class
    better = frequent is None or (
        not results.accuracy.overlaps(frequent) and results.accuracy.value > frequent.value
    )  # fmt: skip
    return Verdict("good" if better else "open", "TRAINED" if better else "UNDECIDED", training_sentence(results))


def _hardened(results: HardenResults) -> Verdict:
    found = hardening_finding(results)
    return Verdict(found.level, found.word, hardening_answer(results))


def _hardening_figures(results: HardenResults) -> list[KeyFigure]:
    before, after = results.before, results.after
    return [
        KeyFigure("clean before", before.clean_accuracy, note=before.name),
        KeyFigure("clean after", after.clean_accuracy, note=after.name),
        *(
            KeyFigure(f"fooled {when}", one.fooling_rate.rate if one.fooling_rate else None, note="worst attacker")
            for when, one in (("before", before), ("after", after))
        ),
    ]


def _applied(results: ApplyResults) -> Verdict:
    files, exact = len(results.files), sum(one.exact for one in results.files)
    budget = f"{results.budget.norm} {results.budget.epsilon}"
    if results.over_budget:
        return Verdict("bad", "OVER BUDGET", f"{len(results.over_budget)} of {files} files exceed {budget}.")
    if results.lossless and results.not_exact:
        return Verdict("bad", "NOT EXACT", f"{len(results.not_exact)} of {files} lossless files are not exact.")
    left_out = f" {len(results.skipped)} videos were left out." if results.skipped else ""
    kept = f"{exact} of {files} files are exact; all are" if results.lossless else f"all {files} files are"
    return Verdict("good" if files else "open", "WRITTEN", f"{kept[0].upper()}{kept[1:]} within {budget}.{left_out}")


def _verdicts(results: ModelCheckResults, verdict: str) -> int:
    return sum(one.verdict == verdict for one in results.findings)


def _checked(results: ModelCheckResults) -> Verdict:
    failed, warned = _verdicts(results, "FAIL"), _verdicts(results, "WARN")
    passed = f"{_verdicts(results, 'PASS')} of {len(results.findings)} tests of {results.model} pass"
    level: Level = "bad" if failed else "open" if warned else "good"
    word = "FAILED" if failed else "PASSED, WITH WARNINGS" if warned else "PASSED"
    return Verdict(level, word, f"{passed}, {warned} warn, {failed} fail.")


def _predicted(results: PredictionResults) -> Verdict:
    right = f" {results.top1.count} of {results.top1.of} labelled ones are right." if results.top1 else ""
    return Verdict("good", "PREDICTED", f"{results.model} classified {results.videos} videos.{right}")


def _filled(results: StudyResults) -> Verdict:
    done, failed, every = results.count("done"), results.count("failed"), len(results.cells)
    where = "report.html and tables/ of its folder show what they found"
    if done == every:
        return Verdict("good", "FILLED", f"All {every} cells are done; {where}.")
    why = next((one.reason for one in results.cells if one.status == "failed"), "the study has not come to them")
    return Verdict("open", "NOT WHOLE", f"{done} of {every} cells are done, {failed} failed ({why}); {where}.")
