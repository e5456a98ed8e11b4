"""Transfer: one perturbation learned against each of several models, all of them judged on all models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsap_cli.adaptive.learning.fit_videos import FitVideos, learning_setup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import bare_model_attacker
from lsap_cli.adaptive.planning.plan import GivenAttack
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.selection import videos_of_run
from lsap_cli.evaluation.judging import judge_videos
from lsap_cli.evaluation.protocol import Added, Attack, Clean, Judge
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, make_rows
from lsap_cli.runs import Run
from lsap_cli.specs import build_samplers
from perturbations import Perturbation
from perturbations.controls import noise_like
from perturbations.objectives import Untargeted


@dataclass(frozen=True)
class TransferRequest:
    """What a transfer matrix is made of.

    Attributes:
        models: specs, at least two.
        fit: videos to learn from.
        test: videos to judge.
        judged: names of those that can be.
        given: the perturbation whose budget and binding all have; it is tested, too.
        steps: of learning.
        views: clips a video; None: each model's own.
    """

    models: Sequence[str]
    fit: Path
    test: Path
    judged: Sequence[str]
    given: GivenAttack
    steps: int
    views: int | None


def transfer(request: TransferRequest, judge: Judge, run: Run, resume: bool) -> dict[str, Any]:
    """The matrix of learned on x tested on, without defenses, each model with its own sampler.

    Args:
        request: models, videos and perturbation.
        judge: of the run: its seed, device and batch are taken.
        run: its folder gets transfer-<number>.jsonl, one a model.
        resume: whether an earlier part of the run may have learned some.

    Returns:
        `models`, and `cells`: `learned_on` (a model's spec, or the given perturbation's name), `tested_on`, `row`.
    """
    given = request.given
    classifiers = {spec: load_classifier(spec).to(judge.device) for spec in request.models}
    attacks: dict[str, Attack] = {
        NO_ATTACK: Clean(),
        given.noise: Added(noise_like(given.perturbation, judge.seed)),
        given.name: Added(given.perturbation),
    }
    learned_on = {f"learned on {spec}": spec for spec in request.models}
    for name, spec in learned_on.items():
        attacks[name] = Added(_learn(request, name, classifiers[spec], judge.seed, run, resume))
    cells = []
    for number, (spec, classifier) in enumerate(classifiers.items()):
        run.event("stage", name=f"transfer to {classifier.name}", videos=len(request.judged))
        videos = [one for one in videos_of_run(request.test, classifier, run).videos if one.name in set(request.judged)]
        of_model = _judge_of(classifier, judge, attacks, request.views)
        records = judge_videos(of_model, videos, run, f"transfer-{number}.jsonl", resume=resume)
        cells += [
            {"learned_on": learned_on.get(row["attack"], row["attack"]), "tested_on": spec, "row": row}
            for row in make_rows(records, classifier.labels, None)
        ]
    return {"models": {spec: one.name for spec, one in classifiers.items()}, "cells": cells}


def _learn(
    request: TransferRequest, name: str, classifier: Classifier, seed: int, run: Run, resume: bool
) -> Perturbation:
    fit = FitVideos(videos_of_run(request.fit, classifier, run).videos, str(request.fit), [])
    with learning_setup(fit, classifier, Untargeted(), seed, run) as setup:
        attacker = bare_model_attacker(request.given.perturbation, request.steps, name)
        return AttackerLearner(setup, run, resume).learn(attacker)


def _judge_of(classifier: Classifier, judge: Judge, attacks: Mapping[str, Attack], views: int | None) -> Judge:
    return Judge(
        classifier=classifier,
        samplers=build_samplers((classifier.sampler_spec,)),
        defenses={NO_DEFENSE: None},
        attacks=attacks,
        views=views or classifier.views,
        seed=judge.seed,
        device=judge.device,
        batch=judge.batch,
    )
