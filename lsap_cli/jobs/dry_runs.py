"""What a command would do, from its settings and the headers of its videos: no run, and nothing is written."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.jobs.defend_settings import DEFAULT_DEFENSES, DefendSettings
from lsap_cli.jobs.show_set import show_set
from lsap_cli.learning.settings import FITTED_SAMPLERS, HELD_OUT_SAMPLERS, GenerateSettings
from lsap_cli.results.sets import SetFacts
from lsap_cli.set_sources import SetSource
from lsap_cli.training.harden_settings import HardenSettings
from lsap_cli.training.settings import VALIDATION_SHARE, TrainingOptions, TrainSettings

SECONDS_OF_HEADERS = 5.0
UNKNOWN_TIME = "not known before some steps are timed"
Plan = dict[str, str]
"""What, and how much of it, in words."""


def plan_of_generate(settings: GenerateSettings, run: Path) -> Plan:
    """What `generate` would do."""
    facts = _facts(settings.source, settings.seed)
    plan = _videos(facts)
    if facts.split is not None:
        plan["split"] = f"{facts.split.fit} videos to learn from, {facts.split.verify} to verify on, by recording"
    binding = settings.binding or "the attack's own"
    plan["attack"] = f"{settings.attack}, {settings.norm} {settings.epsilon}, binding {binding}"
    fitted = settings.sampler or ("the model's own", *FITTED_SAMPLERS)
    plan["samplers"] = f"learns through {', '.join(fitted)}; verifies on {', '.join(HELD_OUT_SAMPLERS)}"
    if settings.through:
        plan["defenses"] = f"learns through {', '.join(settings.through)}"
    plan["perturbations"] = " and ".join(_perturbations(settings))
    clips = f"of {settings.batch} clips"
    limit = settings.step_limit
    plan["steps"] = f"{limit} {clips}, for each perturbation" if limit else f"as many {clips} as the budget allows"
    if settings.queries:
        plan["queries"] = f"at most {settings.queries:,}"
    budget = settings.time_budget
    plan["time"] = UNKNOWN_TIME if budget is None else f"{budget:.0f} s for all"
    return plan | {"writes": f"{settings.out}, and the run folder {run}"}


def plan_of_apply(settings: ApplySettings, run: Path) -> Plan:
    """What `apply` would do."""
    facts = _facts(settings.source, 0)
    plan = _videos(facts)
    part = f", in {settings.segment} only" if settings.segment else ""
    plan["perturbation"] = f"{settings.perturbation}, times {settings.strength:g}{part}"
    there = " (those that are there already are kept)" if settings.resume else ""
    plan["files"] = f"{facts.videos} by {settings.codec}, {settings.workers} at a time{there}; each is decoded again"
    plan["time"] = "not known before some frames are written"
    return plan | {"writes": f"{settings.out}, and the run folder {run}"}


def plan_of_defend(settings: DefendSettings, run: Path) -> Plan:
    """What `defend` would do."""
    facts = _facts(settings.source, settings.seed)
    models, sources = 1 + len(settings.also), 3 + len(settings.seeds)
    defenses = ["none", *(one for one in settings.defense or DEFAULT_DEFENSES if one.strip() != "none")]
    samplers = list(settings.sampler or ("the model's own",))
    plan = _videos(facts)
    plan["attacks"] = f"{sources}: none, noise of the same budget, {settings.perturbed or settings.perturbation}" + (
        f" and {len(settings.seeds)} of other seeds" if settings.seeds else ""
    )
    plan["defenses"] = f"{len(defenses)}: {', '.join(defenses)} (a random one is drawn {settings.draws} times)"
    plan["samplers"] = f"{len(samplers)}: {', '.join(samplers)}"
    count = facts.videos * sources * len(defenses) * len(samplers) * models
    plan["predictions"] = f"about {count:,}: videos x attacks x defenses x samplers" + (" x models" * (models > 1))
    if settings.detector:
        plan["detectors"] = ", ".join(settings.detector)
    if settings.adaptive:
        fit = "" if settings.fit_source is None else f" on {_facts(settings.fit_source, settings.seed).videos} videos"
        plan["attackers"] = f"{settings.steps} steps each{fit}; --estimate loads the model, counts and times them"
    plan["time"] = "not known before some videos are judged"
    return plan | {"writes": f"the run folder {run}, with its report"}


def plan_of_train(settings: TrainSettings, run: Path) -> Plan:
    """What `train` would do."""
    facts = _facts(settings.source, settings.seed)
    plan = _videos(facts) | {"classes": _classes(facts)} | _parts_to_train_on(facts, settings)
    begins = "drawn weights" if settings.weights is None else f"the weights {settings.weights}"
    of = "" if settings.backbone is None else f" of {settings.backbone}"
    size = settings.input_size
    plan["network"] = f"{settings.family}{of}, {settings.clip_frames} frames of {size} x {size}; begins with {begins}"
    plan |= _training(settings, settings.time_budget, _learned_from(facts, settings))
    files = "model.toml, weights, labels, lists of the split"
    return plan | {"writes": f"{settings.out} ({files}), and the run folder {run}"}


def plan_of_harden(settings: HardenSettings, run: Path) -> Plan:
    """What `harden` would do."""
    facts, test = _facts(settings.source, settings.seed), settings.test_source
    plan = _videos(facts)
    if test is None:
        plan |= _parts_to_train_on(facts, settings)
    else:
        plan["measured on"] = f"{_facts(test, settings.seed).videos} videos of {test}"
    against = f"noise of {settings.noise}" if settings.method == "noise" else f"{settings.norm} {settings.epsilon}"
    plan["method"] = f"{settings.method} against {against}, on the model {settings.model}"
    samplers = settings.sampler or ("the model's own", *FITTED_SAMPLERS)
    plan["samplers"] = f"trains through {', '.join(samplers)}"
    defenses = [*filter(None, [settings.defense]), *settings.through]
    if defenses:
        plan["defenses"] = f"trains through {', '.join(defenses)}"
    learned_from = facts.videos if test is not None else _learned_from(facts, settings)
    plan |= _training(settings, settings.time_budget, learned_from)
    attackers = settings.attack_seeds + (settings.method == "universal")
    plan["attackers"] = (
        f"{2 * attackers} of {settings.attack_steps} steps: {attackers} against the network before, as many after"
        if settings.judge
        else "none: --no-judge"
    )
    return plan | {"writes": f"{settings.out}, and the run folder {run}"}


def _classes(facts: SetFacts) -> str:
    fewest = min(facts.classes, key=lambda one: one.videos, default=None)
    return f"{len(facts.classes)}" + (f"; the fewest videos has {fewest.label}: {fewest.videos}" if fewest else "")


def _learned_from(facts: SetFacts, settings: TrainSettings | HardenSettings) -> int:
    """About how many videos are learned from: without those held out, and those that --patience looks at."""
    left = facts.videos * (1 - settings.held_out)
    return max(1, round(left * (1 - VALIDATION_SHARE) if settings.patience else left))


def _parts_to_train_on(facts: SetFacts, settings: TrainSettings | HardenSettings) -> Plan:
    held_out = max(1, round(facts.videos * settings.held_out))
    learned = _learned_from(facts, settings)
    validation = facts.videos - held_out - learned
    looked_at = f", {validation} for --patience" if settings.patience else ""
    return {"split": f"by recording, about {learned} videos to learn from{looked_at}, {held_out} held out"}


def _training(settings: TrainingOptions, time_budget: float | None, videos: int) -> Plan:
    """The steps, the layers that learn, and the time."""
    epochs, batch = settings.epoch_limit, settings.batch
    steps = f"as many of {batch} clips as the budget allows"
    if epochs is not None:
        of_an_epoch = math.ceil(videos / batch)
        steps = f"{epochs} epochs of about {of_an_epoch} steps of {batch} clips: {epochs * of_an_epoch:,}"
    rate = f"{settings.optimizer}, learning rate {settings.first_learning_rate:g}, {settings.precision}"
    return {
        "steps": steps + (f"; ends after {settings.patience} epochs without gain" if settings.patience else ""),
        "layers": f"{settings.trained}; {rate}",
        "time": UNKNOWN_TIME if time_budget is None else f"{time_budget:.0f} s until the last weights",
    }


def _facts(source: SetSource, seed: int) -> SetFacts:
    return show_set(source, None, seed, time.monotonic() + SECONDS_OF_HEADERS, None)


def _videos(facts: SetFacts) -> Plan:
    first = next(iter(facts.left_out), None)
    left_out = "" if first is None else f"; left out: {len(facts.left_out)}, such as {first.path} ({first.reason})"
    plan = {"videos": f"{facts.videos} in {facts.groups} recordings{left_out}"}
    if facts.frames is not None:
        everything = facts.looked_at >= facts.videos + facts.unreadable
        seen = "" if everything else f", in the {facts.looked_at} that were looked at"
        plan["frames"] = f"{facts.frames.median:.0f} in the median video{seen}"
    return plan


def _perturbations(settings: GenerateSettings) -> Iterator[str]:
    yield "one" if settings.seeds == 1 else f"{settings.seeds} of different seeds"
    if settings.matrix:
        yield "one through each sampler alone"
