"""`lsap study`: the cells of a grid, each done once, and the tables that are made of their records."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from lsap_cli.cluster.session import ClusterSession
from lsap_cli.cluster.worker import SharedFile
from lsap_cli.errors import LsapError
from lsap_cli.jobs.clusters import cluster_session, model_places
from lsap_cli.jobs.study_estimate import estimate_study
from lsap_cli.jobs.study_plan import StudyPlan, plan_study
from lsap_cli.jobs.study_results import study_results
from lsap_cli.jobs.study_work import CellEnd, UnitOfCells, do_units
from lsap_cli.results.events import CellEvent, CellsAtWorkEvent, ExpectedStage, NoteEvent, PlanEvent, StageEvent
from lsap_cli.results.files import RESULTS_FILE, encode_line, write_atomically, write_document
from lsap_cli.results.study import (
    FailedCell,
    FinishedCell,
    StudyResults,
)
from lsap_cli.runs import Run
from lsap_cli.runs.worker_run import WorkerRun
from lsap_cli.study.cells import each_once, units
from lsap_cli.study.request import StudyRequest
from lsap_cli.study.settings import StudySettings
from lsap_cli.study.store import CellStore
from lsap_cli.video.media import Media, absolute_media

RECORDS_FILE = "records.jsonl"


def fill_grid(request: StudyRequest, settings: StudySettings, run: Run) -> StudyResults:
    """Does the cells that are not done, and makes the tables of all.

    Args:
        request: of the study file.
        settings: of the command.
        run: gets events, cells, records, results; cells that its folder holds are not done again.

    Returns:
        The results, also written to the run folder.

    Raises:
        LsapError: for anything that the user can mend before any work; a cell that fails raises nothing.
    """
    folder = run.folder.absolute()
    plan = plan_study(request, settings, folder, run)
    store = CellStore(folder)
    store.make()
    if plan.done or plan.failed:
        again = f"; {len(plan.failed)} that failed are done again" if plan.failed else ""
        run.event(NoteEvent(message=f"{len(plan.done)} of {len(each_once(plan.cells))} cells are done already{again}"))
    done, failed = dict(plan.done), {}
    with _session(plan, settings, run) as session:
        run.event(PlanEvent(stages=(ExpectedStage(stage="cells"),)))
        run.event(StageEvent(name="cells", cells=len(plan.left)))
        for end in _work(plan, settings, run, session):
            store.keep(end)
            if isinstance(end, FinishedCell):
                done[end.cell] = end
            else:
                failed[end.cell] = end
    run.event(StageEvent(name="making the tables"))
    results, records = study_results(plan, done, failed)
    write_atomically(run.folder / RECORDS_FILE, b"".join(map(encode_line, records)))
    write_document(run.folder / RESULTS_FILE, results)
    return results


def estimate_grid(request: StudyRequest, settings: StudySettings, folder: Path, run: WorkerRun) -> StudyResults:
    """The cells of a study, and what those that are not done will take; nothing is written.

    Args:
        request: of the study file.
        settings: of the command.
        folder: of the study; it need not exist.
        run: gets events.

    Raises:
        LsapError: as `fill_grid`.
    """
    plan = plan_study(request, settings, folder.absolute(), run)
    results, _ = study_results(plan, plan.done, plan.failed)
    expected = estimate_study(plan, run)
    cells = tuple(
        structs.replace(one, expected_seconds=round(expected.seconds[one.cell], 1))
        if one.cell in expected.seconds
        else one
        for one in results.cells
    )
    return structs.replace(
        results, cells=cells, estimate_seconds=round(expected.total, 1), estimate_from=expected.made_of
    )


def _work(plan: StudyPlan, settings: StudySettings, run: Run, session: ClusterSession | None) -> Iterator[CellEnd]:
    """Does all cells that are left; events say which are worked on, and how each ended."""
    at_work: dict[str, str] = {}

    def taken(every: Iterable[UnitOfCells]) -> Iterator[UnitOfCells]:
        """Units as they are begun."""
        for unit in every:
            at_work[unit.cells[0].hash] = unit.name
            run.event(CellsAtWorkEvent(cells=tuple(at_work.values())))
            yield unit

    files = _shared_files(plan) if session is not None else ()
    work = [UnitOfCells(tuple(cells), files) for cells in units(plan.left)]
    titles = {cell.hash: cell.title for cell in plan.left}
    for unit, ends in do_units(taken(work), plan.setup, plan.shop, settings.workers, settings.timeout, session):
        at_work.pop(unit.cells[0].hash, None)
        for end in ends:
            yield end
            run.event(_event(end, titles[end.cell], len(unit.cells)))
        run.event(CellsAtWorkEvent(cells=tuple(at_work.values())))


def _event(end: CellEnd, title: str, shared_by: int) -> CellEvent:
    if isinstance(end, FailedCell):
        return CellEvent(cell=title, failed=True, reason=end.reason)
    return CellEvent(cell=title, seconds=round(end.learn_seconds / shared_by + end.judge_seconds, 2))


# --- cluster


@contextmanager
def _session(plan: StudyPlan, settings: StudySettings, run: Run) -> Iterator[ClusterSession | None]:
    cluster = settings.cluster_settings
    if cluster is None or not plan.left:
        yield None
        return
    if plan.setup.device != "cpu":
        raise LsapError("workers of --cluster work on their processors; give --device cpu")
    source = plan.setup.source.source
    places = {"the videos": source.path, "the run folder": run.folder} | model_places(*plan.setup.networks)
    with cluster_session(cluster, run, places, plan.setup.threads) as session:
        yield session


def _shared_files(plan: StudyPlan) -> tuple[SharedFile, ...]:
    """The videos, which a worker on another node must have."""
    network = next((one.spec for one in plan.models if not one.problem), None)
    if network is None:
        return ()
    media: list[Media] = [absolute_media(one.media) for one in plan.shop.network(network).videos.values()]
    return tuple(SharedFile(one if isinstance(one, Path) else one.path) for one in media)
