"""Transfer: one perturbation learned against each of several models, all of them judged on all models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lsap_cli.adaptive.learning.fit_videos import FitVideos, learning_setup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import bare_model_attacker
from lsap_cli.adaptive.planning.plan import GivenAttack
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.selection import videos_of_run
from lsap_cli.evaluation.judging import judge_videos
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.noise_control import noise_control
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.evaluation.rows import make_rows
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.jobs.defend_inputs import inputs_of_several
from lsap_cli.results.events import StageEvent
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE
from lsap_cli.results.spread import TransferCell, TransferMatrix
from lsap_cli.runs.inputs import keep_inputs
from lsap_cli.set_sources import SetSource
from lsap_cli.specs import build_samplers
from perturbations import Perturbation
from perturbations.objectives import Untargeted

INPUTS_FILE = "transfer-inputs.json"


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
    fit: SetSource
    test: SetSource
    judged: Sequence[str]
    given: GivenAttack
    steps: int
    views: int | None


def transfer(request: TransferRequest, evaluation: Evaluation) -> TransferMatrix:
    """The matrix of learned on x tested on, without defenses, each model with its own sampler.

    Args:
        request: models, videos and perturbation.
        evaluation: of the command; its run folder gets transfer-<number>.jsonl, one a model.
    """
    given, run = request.given, evaluation.run
    evaluations = {spec: _of_model(evaluation, spec, request.views) for spec in request.models}
    inputs = inputs_of_several({spec: one.protocol.classifier for spec, one in evaluations.items()})
    keep_inputs(run.folder, inputs, evaluation.resume, INPUTS_FILE)
    sources: dict[str, PerturbationSource] = {
        NO_ATTACK: Unperturbed(),
        given.noise: noise_control(given.perturbation, evaluation.protocol.seed),
        given.name: AddedPerturbation(given.perturbation),
    }
    learned_on = {f"learned on {spec}": spec for spec in request.models}
    for name, spec in learned_on.items():
        sources[name] = AddedPerturbation(_learn(request, name, evaluations[spec]))
    matrix = EvaluationMatrix(sources, {NO_DEFENSE: None})
    cells = []
    for number, (spec, of_model) in enumerate(evaluations.items()):
        classifier = of_model.protocol.classifier
        run.event(StageEvent(name=f"transfer to {classifier.name}", videos=len(request.judged)))
        tested = videos_of_run(request.test, classifier.labels, run, evaluation.skipped).videos
        videos = [one for one in tested if one.name in set(request.judged)]
        judged = judge_videos(of_model, matrix, videos, f"transfer-{number}.jsonl", must_be_readable=True)
        cells += [
            TransferCell(learned_on=learned_on.get(row.attack, row.attack), tested_on=spec, row=row)
            for row in make_rows(judged.records)
        ]
    models = {spec: one.protocol.classifier.name for spec, one in evaluations.items()}
    return TransferMatrix(models=models, cells=tuple(cells))


def _of_model(evaluation: Evaluation, spec: str, views: int | None) -> Evaluation:
    """The same evaluation of another model, with that model's own sampler."""
    protocol = evaluation.protocol
    classifier = load_classifier(spec).to(protocol.device)
    samplers = build_samplers((classifier.sampler_spec,))
    of_model = replace(protocol, classifier=classifier, samplers=samplers, views=views or classifier.views, draws=1)
    spread = None if evaluation.spread is None else evaluation.spread.of_model(spec)
    return replace(evaluation, protocol=of_model, spread=spread)


def _learn(request: TransferRequest, name: str, evaluation: Evaluation) -> Perturbation:
    classifier, run = evaluation.protocol.classifier, evaluation.run
    fit = FitVideos(videos_of_run(request.fit, classifier.labels, run, evaluation.skipped).videos, str(request.fit), [])
    with learning_setup(fit, classifier, Untargeted(), evaluation.protocol.seed, run) as setup:
        attacker = bare_model_attacker(request.given.perturbation, request.steps, name)
        return AttackerLearner(setup, run, evaluation.resume).learn(attacker)
