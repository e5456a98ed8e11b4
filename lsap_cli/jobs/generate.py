"""`lsap generate`: learn one perturbation for all videos of a set, and verify it on videos it was not fitted on."""

import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import convert, structs

from lsap_cli.classifiers.threads import keep_threads
from lsap_cli.datasets.selection import Skipped
from lsap_cli.evaluation.network_findings import note_queries, warn_of_wrong_card
from lsap_cli.jobs.defend_inputs import environment_inputs, inputs_of_several
from lsap_cli.jobs.generate_cluster import GenerateCall, members_session
from lsap_cli.jobs.generate_results import generate_results, result_warnings, verify_networks, write_learned
from lsap_cli.learning.model_videos import VideoLoading, cost_of_stores, frame_stores, load_learning_run
from lsap_cli.learning.perturbation_output import check_writable
from lsap_cli.learning.process_group import process_group
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.spread_members import learn_members
from lsap_cli.learning.task import LearningTask, make_learning_tasks
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.learning.variant_learning import codec_stage, learn_variants
from lsap_cli.learning.variants import LearningRun
from lsap_cli.results.documents import GenerateResults, SkippedVideo
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.runs import Run
from lsap_cli.runs.inputs import keep_inputs, remove_inputs
from lsap_cli.runs.memory import keep_memory
from lsap_cli.video.memory_limit import memory_limit


def generate(
    settings: GenerateSettings, run: Run, resume: bool = False, started: float | None = None
) -> GenerateResults | None:
    """Learns, verifies, and writes the perturbation file.

    Args:
        settings: what to do.
        run: where events and the state go.
        resume: go on from the state in the run folder, if there is one.
        started: when the time budget began, by `time.monotonic`; None: now.

    Returns:
        The results document; None in all but the first process of a group.

    Raises:
        LsapError: for anything that the user can mend.
    """
    budget = TimeBudget(settings.time_budget, time.monotonic() if started is None else started)
    keep_memory(memory_limit())
    keep_threads(run)
    check_writable(Path(settings.out))
    tasks = make_learning_tasks(settings, run)
    for task in tasks:
        warn_of_wrong_card(task.classifier, task.device, settings.seed, run)
    with members_session(settings, run, tasks[0].device) as session:
        return _generate(GenerateCall(settings, run, resume, budget, session), tasks)


def _generate(call: GenerateCall, tasks: Sequence[LearningTask]) -> GenerateResults | None:
    """Decodes, learns, verifies and writes."""
    settings, run = call.settings, call.run
    skipped: Skipped = []
    with process_group(settings.batch, tasks[0].device) as group, frame_stores(tasks, settings.memory) as stores:
        loading = VideoLoading(settings, run, call.resume, call.budget, group, skipped)
        learning = load_learning_run(tasks, stores, loading)
        cost = cost_of_stores(stores)
        keep_inputs(run.folder, _inputs(learning), call.resume)
        decode_seconds = sum(store.cost.seconds for store in stores)  # verification decodes for each model
        if call.session is not None:
            learned = learn_members(learning, call.session)
        else:
            learned = list(learn_variants(learning, call.budget, decode_seconds))
    if not group.is_first:
        return None
    verified = verify_networks(call, learning, learned, codec_stage(learning, decode_seconds), skipped)
    warnings = result_warnings(verified, learned[0])
    write_learned(verified, learned)
    results = structs.replace(
        generate_results(verified, learned),
        frame_store=cost,
        doubts=tuple(warnings),
        skipped=convert(skipped, tuple[SkippedVideo, ...]),
    )
    write_document(run.folder / RESULTS_FILE, results)
    for task in tasks:
        note_queries(task.classifier, run)
    remove_inputs(run.folder)
    return results


def _inputs(learning: LearningRun) -> dict[str, str]:
    """Hashes of the networks and the videos; of a time budget, how many are decoded depends on the time."""
    settings = learning.settings
    hashes = {} if settings.time_budget else {f"video {name}": one for name, one in learning.videos.hashes.items()}
    classifiers = {spec: one.task.classifier for spec, one in zip(settings.models, learning.networks, strict=True)}
    return inputs_of_several(classifiers) | hashes | environment_inputs(learning.task.device)
