"""Results of a run in plain language, computed from the same rows as the tables."""

from collections.abc import Iterator, Sequence

from lsap_cli.results.base import UnsetType
from lsap_cli.results.documents import DefendResults, GenerateResults
from lsap_cli.results.ladders import WorstRung, pair_name
from lsap_cli.results.left_out import left_out_of
from lsap_cli.results.manifest import noise_name
from lsap_cli.results.noise_comparison import NoiseComparison, Outcome, noise_finding
from lsap_cli.results.printable_result import printable_result
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE
from lsap_cli.results.rows import DefenseGain, Row, Rows, best_defense
from lsap_cli.results.training import TrainResults
from lsap_cli.results.way_stages import stage_words

RowResults = DefendResults | GenerateResults


def summary_sentence(results: RowResults) -> str:
    """Results of the run in plain language, computed from the same rows as the tables.

    It is about the first sampler, and gives the range of the others.

    Args:
        results: of `defend` or `generate`.
    """
    return " ".join(summary_sentences(results))


def summary_sentences(results: RowResults) -> list[str]:
    """The parts of the summary: what the attack did, then accuracy, other samplers and defenses."""
    results = printable_result(results)
    if isinstance(results, GenerateResults) and results.surrogates:
        return _sentences_by_model(results)
    rows = Rows.of_every_defense(results.rows)
    if not rows.rows:
        return ["Nothing was measured: the run has no rows."]
    sampler = rows.samplers[0]
    attacked = rows.strongest(sampler)
    if attacked is None:
        return [*_without_attack(rows, sampler), *filter(None, [_left_out_sentence(results)])]
    protocol = results.protocol if isinstance(results, DefendResults) else None
    target = protocol.target if protocol else None
    sentences = [
        _attack_sentence(rows, attacked, target or "the target", _noise_words(results, rows), results.against_noise),
        _accuracy_sentence(rows, attacked),
        _two_class_sentence(rows, attacked),
        _left_out_sentence(results),
        _samplers_sentence(rows, attacked.attack),
        _seeds_sentence(results),
        way_sentence(results),
        _defense_sentence(rows, attacked, results.defense_gains if isinstance(results, DefendResults) else ()),
    ]
    if isinstance(results, DefendResults):
        sentences += [natural_sentence(results), *_ladder_sentences(results), *_detector_sentences(results)]
    return [sentence for sentence in sentences if sentence]


def _sentences_by_model(results: GenerateResults) -> list[str]:
    """Of each model that the perturbation was learned against: its name, and what the perturbation did to it."""
    sentences = []
    for one in results.by_model():
        name = next((row.model for row in one.rows if row.model), "")
        sentences += [f"Of the model “{name}”:", *summary_sentences(one)]
    return sentences


def _without_attack(rows: Rows, sampler: str) -> list[str]:
    where = " without a defense" if rows.perturbations else ""
    sentences = [f"No perturbed videos were measured{where}."]
    clean = rows.clean_accuracy(NO_DEFENSE, sampler)
    noise = rows.find(NOISE, NO_DEFENSE, sampler)
    if clean:
        sentences.append(f"The classifier is right about {_of(clean)} clean videos ({_interval(clean)}).")
    if noise and noise.fooling_rate:
        rate = noise.fooling_rate
        sentences.append(f"Noise changed the prediction of {_of(rate)} videos ({_interval(rate)}).")
    return sentences


def _attack_sentence(rows: Rows, attacked: Row, target: str, noise_name: str, tests: Sequence[NoiseComparison]) -> str:
    """What the perturbation did to the predictions, against noise."""
    noise = rows.find(NOISE, NO_DEFENSE, attacked.sampler)
    count = len(rows.perturbations)
    subject = f"The perturbation “{attacked.attack}”"
    if count > 1:
        subject = f"“{attacked.attack}”, the strongest of {count} perturbations,"
    if len(rows.samplers) > 1:
        subject = f"With the sampler {attacked.sampler}, {subject[0].lower() + subject[1:] if count == 1 else subject}"
    if attacked.success_rate:
        rate, control = attacked.success_rate, noise.success_rate if noise else None
        did = f"{subject} turned {_of(rate)} videos into “{target}” (success rate {_interval(rate)})"
        also = attacked.fooling_rate
        ending = f" It changed the prediction of {_of(also)}." if also else ""
        return f"{did}; {_control(tests, attacked.attack, 'target', rate, control, noise_name)}{ending}"
    if attacked.fooling_rate:
        rate, control = attacked.fooling_rate, noise.fooling_rate if noise else None
        did = f"{subject} changed the prediction of {_of(rate)} videos (fooling rate {_interval(rate)})"
        return f"{did}; {_control(tests, attacked.attack, 'changed', rate, control, noise_name)}"
    return ""


def _noise_words(results: RowResults, rows: Rows) -> str:
    """The noise control by its measured size, beside that of the perturbation where there is one alone."""
    noise, own = results.effective_noise, results.effective
    if noise is None or own is None:
        return noise_name(None)
    beside = f" (the perturbation: {own.l2_rms:.2f}/255)" if len(rows.perturbations) == 1 else ""
    return noise_name(noise) + beside


def _control(
    comparisons: Sequence[NoiseComparison], attack: str, outcome: Outcome, rate: Rate, noise: Rate | None, name: str
) -> str:
    if noise is None:
        return "without a noise control it cannot be said how much of that any noise would do."
    verb = "turned" if outcome == "target" else "changed"
    found = noise_finding(comparisons, attack, outcome, rate, noise)
    return f"{name} {verb} {_of(noise)} ({noise.value:.2f}, {noise.interval}). {found.sentence}"


def _accuracy_sentence(rows: Rows, attacked: Row) -> str:
    clean = rows.clean_accuracy(NO_DEFENSE, attacked.sampler)
    if not attacked.accuracy or not clean:
        return "" if rows.labelled else "The videos have no labels, so nothing is said about accuracy."
    before, after = _of(clean), _of(attacked.accuracy)
    return f"The classifier is right about {before} clean videos and {after} perturbed ones."


def _two_class_sentence(rows: Rows, attacked: Row) -> str:
    """Both kinds of errors: an attack that trades one for the other leaves accuracy as it is."""
    clean = rows.find(NO_ATTACK, NO_DEFENSE, attacked.sampler)
    if clean is None or isinstance(clean.two_class, UnsetType) or isinstance(attacked.two_class, UnsetType):
        return ""
    before, after, parts = clean.two_class, attacked.two_class, []
    name = f" “{before.positive}”" if before.positive else " positive"
    if before.false_negatives and after.false_negatives:
        missed, later = before.false_negatives, after.false_negatives
        parts.append(f"of {missed.of}{name} videos it misses {missed.count} clean and {later.count} perturbed")
    if before.false_positives and after.false_positives:
        alarms = before.false_positives
        parts.append(f"of {alarms.of} others it takes {alarms.count} and {after.false_positives.count} for one")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]} (threshold {before.threshold:g})." if parts else ""


def _left_out_sentence(results: RowResults) -> str:
    words = left_out_of(results)
    return f"{words}: no rate counts {'it' if ' was ' in words else 'them'}." if words else ""


def _samplers_sentence(rows: Rows, attack: str) -> str:
    if len(rows.samplers) < 2:
        return ""
    bare = [rows.find(attack, NO_DEFENSE, sampler) for sampler in rows.samplers]
    rates = [(row.fooling_rate, row.sampler) for row in bare if row and row.fooling_rate]
    if len(rates) < 2:
        return ""
    low, high = min(rates, key=lambda r: r[0].value), max(rates, key=lambda r: r[0].value)
    if low[0].value == high[0].value:
        return f"All {len(rates)} samplers give the same fooling rate."
    return (
        f"Over {len(rates)} samplers the fooling rate goes from {low[0].count}/{low[0].of} ({low[1]}) "
        f"to {high[0].count}/{high[0].of} ({high[1]})."
    )


def _defense_sentence(rows: Rows, attacked: Row, gains: Sequence[DefenseGain]) -> str:
    """The defense that leaves most, and whether it is shown to help: a paired test, corrected for all defenses."""
    helping = best_defense(gains, attacked.attack, attacked.sampler)
    best = rows.find(attacked.attack, helping.defense, attacked.sampler) if helping else None
    best = best or rows.best_defended(attacked.attack, attacked.sampler)
    if best is None:
        return "No defense was tried."
    defenses = len(rows.defenses) - (NO_DEFENSE in rows.defenses)
    outcome = _defended_outcome(rows, attacked, best)
    if not outcome:
        if defenses > 1:
            return f"None of the {defenses} defenses does better than no defense."
        return f"The defense {best.defense} does no better than no defense."
    cell = (best.attack, best.sampler, best.defense)
    gain = next((one for one in gains if (one.attack, one.sampler, one.defense) == cell), None)
    paired = f"against no defense {gain}" if gain else "this run has no paired test"
    return f"{_finding(defenses, best.defense, helping is not None)}: {outcome}; {paired}."


def _defended_outcome(rows: Rows, attacked: Row, best: Row) -> str:
    """What the best defense leaves, and what it costs; empty where it is no better than none."""
    if best.accuracy and attacked.accuracy:
        if best.accuracy.value <= attacked.accuracy.value:
            return ""
        clean = rows.clean_accuracy(best.defense, best.sampler)
        cost = f", {_of(clean)} clean ones" if clean else ""
        bare = _bare(attacked.accuracy)
        return f"{_of(best.accuracy)} perturbed videos right ({_interval(best.accuracy)}; {bare}){cost}"
    if best.fooling_rate and attacked.fooling_rate and best.fooling_rate.value < attacked.fooling_rate.value:
        alone = rows.find(NO_ATTACK, best.defense, best.sampler)
        changed = alone.fooling_rate if alone else None
        cost = f"; without any attack it changes {_of(changed)} by itself" if changed else ""
        bare = _bare(attacked.fooling_rate)
        return f"{_of(best.fooling_rate)} predictions changed ({_interval(best.fooling_rate)}; {bare}){cost}"
    return ""


def _finding(defenses: int, best: str, helps: bool) -> str:
    if helps:
        return f"Of {defenses} defenses, {best} helps most" if defenses > 1 else f"The defense {best} helps"
    if defenses > 1:
        return f"No defense is shown to help; of {defenses}, {best} leaves most"
    return f"The defense {best} is not shown to help"


def _of(rate: Rate) -> str:
    return f"{rate.count} of {rate.of}"


def _bare(rate: Rate) -> str:
    """What a defense is compared with: a difference of a video or two is no difference."""
    return f"without it {rate.count}"


def _interval(rate: Rate) -> str:
    return f"{rate.value:.2f}, 95 % interval {rate.interval}"


def _ladder_sentences(results: DefendResults) -> Iterator[str]:
    """The sentences of the ladders and checks."""
    ladders = [(one.defense, one.robust[0]) for one in results.ladder if one.robust]
    if not ladders:
        return
    kept = [f"{spec} {_counted(worst)} (rung {worst.rung})" for spec, worst in ladders if spec != NO_DEFENSE]
    bare = next((worst for spec, worst in ladders if spec == NO_DEFENSE), None)
    if kept:
        yield "Against its best attacker each defense keeps: " + ", ".join(kept) + "."
    if bare:
        yield f"Without a defense: {_counted(bare)}."
    yield from _per_video_sentences(results)
    warned = sum(one.status == "WARN" for one in results.checks)
    if warned:
        yield f"{warned} of {len(results.checks)} checks warn: read them before believing these figures."


def _per_video_sentences(results: DefendResults) -> Iterator[str]:
    """Defenses that hold against universal patterns and fall to a pattern of its own for each video."""
    fallen = [
        f"{ladder.defense} ({_under_own_patterns(bound.accuracy or bound.fooling_rate)})"
        for ladder in results.ladder
        for bound in ladder.per_video[:1]
        if bound.verdict == "falls"
    ]
    if fallen:
        yield (
            "Holds better against one pattern for all videos than against a pattern of its own for each (P, an upper "
            f"bound that is in no robust accuracy): {', '.join(fallen)}."
        )


def _under_own_patterns(rate: Rate | None) -> str:
    return "" if rate is None else f"{rate.count} of {rate.of} under P"


def _detector_sentences(results: DefendResults) -> Iterator[str]:
    """The sentences of the ladders of detectors, and of defenses with detectors."""
    for ladders, what in ((results.detector_ladder, "a detector"), (results.pair_ladder, "a defense and a detector")):
        held = [
            f"{pair_name(one)} {worst.robust_rate.count} of {worst.robust_rate.of} (rung {worst.rung})"
            for one in ladders
            for worst in one.robust[:1]
            if worst.robust_rate
        ]
        if held:
            yield f"Videos that the best attacker that knows {what} does not win: " + ", ".join(held) + "."


def _seeds_sentence(results: DefendResults | GenerateResults) -> str:
    """What another seed would change, without a defense and with the first sampler; empty for one perturbation."""
    if isinstance(results, GenerateResults):
        return _generate_seeds_sentence(results)
    cell = next((one for one in results.seeds if one.defense == NO_DEFENSE), None)
    spread = cell and (cell.success_rate or cell.fooling_rate)
    if not cell or not spread or spread.standard_deviation is None:
        return ""
    what = "success rate" if cell.success_rate else "fooling rate"
    over_videos = f"; the interval over videos is {spread.over_videos.interval}" if spread.over_videos else ""
    return (
        f"Over {len(spread.rates)} seeds of the perturbation the {what} is {spread.mean:.2f} with a standard deviation "
        f"of {spread.standard_deviation:.2f}{over_videos}."
    )


def way_sentence(results: DefendResults | GenerateResults) -> str:
    """Where the effect of what `generate` has learned goes; empty where it was not measured."""
    if not isinstance(results, GenerateResults) or len(results.way) < 2:
        return ""
    stages = [f"{one.rates.lowest.value:.2f} {stage_words(one)}" for one in results.way]
    of = max(one.rates.lowest.of for one in results.way)
    return f"Where the effect goes, of {of} videos with the held-out sampler that it fools least: {', '.join(stages)}."


def _generate_seeds_sentence(results: GenerateResults) -> str:
    """The spread over the seeds that one `generate` run learned; a single seed has none."""
    seeds = results.seeds
    if seeds is None or seeds.mean is None or seeds.standard_deviation is None:
        return ""
    return (
        f"Over {len(seeds.rates)} seeds of the perturbation the rate with the sampler that each fools least is "
        f"{seeds.mean:.2f} with a standard deviation of {seeds.standard_deviation:.2f}."
    )


def training_sentence(results: TrainResults) -> str:
    """What `train` made, in a sentence: the accuracy beside that of the most frequent class, and how sure it is."""
    by_recording, frequent = results.accuracy_by_recording, results.most_frequent_class
    parts = [f"The network is right about {_of(results.accuracy)} held-out videos ({_interval(results.accuracy)})"]
    if by_recording is not None:
        parts.append(f"over its {results.held_out.recordings} recordings the interval is {by_recording.interval}")
    if frequent is not None:
        parts.append(f"the most frequent class alone is right about {frequent.count}")
    overlapping = frequent is not None and results.accuracy.overlaps(frequent)
    return f"{'; '.join(parts)}." + (" The two may be equal: their intervals overlap." if overlapping else "")


def natural_sentence(results: DefendResults) -> str:
    """What corruptions of the perturbation's size do; empty where none was measured."""
    natural = results.natural_robustness
    if natural is None or isinstance(natural.equal_norm, UnsetType):
        return ""
    equal = natural.equal_norm
    reached = {kind: one.accuracy for kind, one in equal.kinds.items() if one.reached and one.accuracy}
    perturbed = equal.perturbation.accuracy if equal.perturbation else None
    size = f"{equal.l2_rms:.1f} levels of root mean square"
    if not reached or not perturbed:
        return f"No natural corruption could be made as large as the perturbation ({size})."
    worst = min(reached, key=lambda kind: reached[kind].value)
    return (
        f"Of {len(reached)} kinds of natural corruption as large as the perturbation ({size}), {worst} does most harm: "
        f"{reached[worst].count} of {reached[worst].of} stay right, "
        f"{perturbed.count} of {perturbed.of} under the perturbation."
    )


def _counted(worst: WorstRung) -> str:
    accuracy, fooled = worst.accuracy, worst.fooling_rate
    if accuracy:
        return f"{accuracy.count} of {accuracy.of}"
    return f"{fooled.of - fooled.count} of {fooled.of} unchanged" if fooled else "nothing that was measured"
