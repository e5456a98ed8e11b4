"""Transfer: one perturbation learned against each of several models, all of them judged on all models."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lsap_cli.adaptive.attackers import School, load_fit_videos
from lsap_cli.adaptive.campaign import MEMORY, plain_attacker
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.selection import videos_of_run
from lsap_cli.datasets.store import FrameStore
from lsap_cli.evaluation.judging import judge_videos
from lsap_cli.evaluation.protocol import Added, Attack, Clean, Judge
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, make_rows
from lsap_cli.learning.task import FITTED
from lsap_cli.runs import Run
from lsap_cli.specs import build_samplers
from perturbations import Perturbation
from perturbations.controls import noise_like
from perturbations.objectives import Untargeted


def transfer(
    models: Sequence[str],
    fit: Path,
    test: Path,
    judged: Sequence[str],
    given: Perturbation,
    name: str,
    noise: str,
    steps: int,
    views: int | None,
    seed: int,
    device: torch.device,
    batch: int,
    run: Run,
    resume: bool,
) -> dict[str, Any]:
    """The matrix of learned on x tested on, without defenses, each model with its own sampler.

    Args:
        models: specs, at least two.
        fit: videos to learn from.
        test: videos to judge.
        judged: names of those that can be.
        given: the perturbation whose budget and binding all have; it is tested, too.
        name: its name as an attack.
        noise: the name of its control.
        steps: of learning.
        views: clips a video; None: each model's own.
        seed: of everything that is drawn.
        device: of the models.
        batch: clips at a time.
        run: its folder gets transfer-<number>.jsonl, one a model.
        resume: whether an earlier part of the run may have learned some.

    Returns:
        `models`, and `cells`: `learned_on` (a model's spec, or the given perturbation's name), `tested_on`, `row`.
    """
    classifiers = {spec: load_classifier(spec).to(device) for spec in models}
    attacks: dict[str, Attack] = {NO_ATTACK: Clean(), noise: Added(noise_like(given, seed)), name: Added(given)}
    for spec, classifier in classifiers.items():
        learned = _learn(classifier, spec, fit, given, steps, seed, run, resume)
        attacks[f"learned on {spec}"] = Added(learned)
    origin = {f"learned on {spec}": spec for spec in models}
    cells = []
    for number, (spec, classifier) in enumerate(classifiers.items()):
        run.event("stage", name=f"transfer to {classifier.name}", videos=len(judged))
        rows = _judge(
            classifier, attacks, test, judged, views, seed, device, batch, run, f"transfer-{number}.jsonl", resume
        )
        cells += [
            {"learned_on": origin.get(row["attack"], row["attack"]), "tested_on": spec, "row": row} for row in rows
        ]
    return {"models": {spec: one.name for spec, one in classifiers.items()}, "cells": cells}


def _learn(
    classifier: Classifier, spec: str, fit: Path, given: Perturbation, steps: int, seed: int, run: Run, resume: bool
) -> Perturbation:
    workers = max(1, min(torch.get_num_threads(), 8))
    with FrameStore(classifier.geometry.shrink, MEMORY, workers) as store:
        videos = load_fit_videos(store, videos_of_run(fit, classifier, run).videos, str(fit), [], run)
        samplers = list(build_samplers((classifier.sampler_spec, *FITTED)).values())
        school = School(classifier, videos, samplers, Untargeted(), seed, run, resume)
        return school.learn(replace(plain_attacker(given, steps), name=f"learned on {spec}"))


def _judge(
    classifier: Classifier,
    attacks: Mapping[str, Attack],
    test: Path,
    judged: Sequence[str],
    views: int | None,
    seed: int,
    device: torch.device,
    batch: int,
    run: Run,
    file: str,
    resume: bool,
) -> list[dict[str, Any]]:
    judge = Judge(
        classifier=classifier,
        samplers=build_samplers((classifier.sampler_spec,)),
        defenses={NO_DEFENSE: None},
        attacks=attacks,
        views=views or classifier.views,
        seed=seed,
        device=device,
        batch=batch,
    )
    videos = [video for video in videos_of_run(test, classifier, run).videos if video.name in set(judged)]
    return make_rows(judge_videos(judge, videos, run, file, resume=resume), classifier.labels, None)
