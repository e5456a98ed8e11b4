"""`lsap apply`: put a perturbation into a folder of videos, and check in the written files that it is there."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from lsap_cli.applying.cluster_files import ClusterFiles
from lsap_cli.applying.output_folder import OutputFolder
from lsap_cli.applying.planning import alone_in, check_folders
from lsap_cli.applying.proof import total_proof
from lsap_cli.applying.recipe import make_recipe
from lsap_cli.applying.settings import ApplySettings
from lsap_cli.applying.stages import ApplyContext, draw_previews, keep_copies, plan_copies, write_copies
from lsap_cli.applying.workers import WorkerPool
from lsap_cli.cluster.pool import ClusterPool
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, videos_of_run
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash
from lsap_cli.jobs.clusters import cluster_session
from lsap_cli.pictures.thumbnails import draw_slots
from lsap_cli.results.documents import ApplyResults, BudgetFacts, SkippedVideo
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.runs import Run
from lsap_cli.video.memory_limit import memory_limit


def apply(settings: ApplySettings, run: Run) -> ApplyResults:
    """Writes every video again with the perturbation added, mirrored below the output folder.

    Returns:
        The results document: files with their proofs, totals, and what was skipped.

    Raises:
        LsapError: for anything that the user can mend.
    """
    recipe = make_recipe(settings)
    skipped: Skipped = []
    videos = videos_of_run(settings.source, [], run, skipped).videos
    out = Path(settings.out)
    check_folders(settings.source.path, out, settings.resume)
    draw_slots(run.folder, recipe.perturbation.pattern, str(recipe.perturbation.binding))
    with ExitStack() as stack:
        stack.enter_context(alone_in(out))
        pool = stack.enter_context(WorkerPool(settings.workers, settings.timeout))
        context = ApplyContext(run, pool, OutputFolder(out, recipe), recipe, settings.threads_per_file)
        missing = keep_copies(context, videos)
        context.folder.save_perturbation(Path(settings.perturbation))
        with _writing(settings, context, videos) as writing:
            write_copies(writing, plan_copies(writing, videos, missing))
        draw_previews(context, videos, settings.preview)
        results = _results(settings, context, skipped)
    write_document(run.folder / RESULTS_FILE, results)
    if not results.files:
        raise LsapError(f"none of the {len(videos)} videos in {settings.videos} could be written", 1)
    return results


@contextmanager
def _writing(settings: ApplySettings, context: ApplyContext, videos: Sequence[Video]) -> Iterator[ApplyContext]:
    """The context whose pool looks at sources and writes copies: this machine's, or a cluster's."""
    cluster = settings.cluster_settings
    if cluster is None:
        yield context
        return
    perturbation = context.folder.perturbation.absolute()
    places = {"the output folder": context.folder.root} | {f"the video {one.name}": one.path for one in videos}
    with cluster_session(cluster, context.run, places, 1) as session:
        pool = ClusterPool(session, memory_limit())
        yield replace(context, pool=ClusterFiles(pool, {perturbation: content_hash(perturbation)}))


def _results(settings: ApplySettings, context: ApplyContext, skipped: Skipped) -> ApplyResults:
    recipe, folder = context.recipe, context.folder
    entries = tuple(folder.entries[name] for name in sorted(folder.entries))
    budget, lossless = recipe.perturbation.budget, recipe.codec.lossless
    return ApplyResults(
        out=settings.out,
        files=entries,
        resumed=tuple(sorted(folder.resumed)),
        effective=total_proof(entries),
        budget=BudgetFacts(norm=budget.norm, epsilon=budget.epsilon_text),
        lossless=lossless,
        over_budget=tuple(one.output for one in entries if one.over_budget),
        not_exact=tuple(one.output for one in entries if lossless and not one.exact),
        skipped=(*(SkippedVideo(**one) for one in skipped), *sorted(context.left_out, key=lambda one: one.path)),
    )
