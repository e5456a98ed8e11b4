"""`lsap defend --estimate`: what the attackers of a run will take, from timed steps."""

from lsap_cli.adaptive.learning.fit_videos import FitVideos, learning_setup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.racing.estimate import JudgedClips, estimate_plan
from lsap_cli.adaptive.racing.verification import split_for_race
from lsap_cli.classifiers.threads import keep_threads
from lsap_cli.datasets.selection import Skipped
from lsap_cli.jobs.defend_adaptive import learning_objective, plan_attacks
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import make_defend_task
from lsap_cli.results.estimates import EstimateResults
from lsap_cli.results.events import StageEvent
from lsap_cli.runs import Run

ESTIMATE_FILE = "estimate.json"


def estimate_defend(settings: DefendSettings, run: Run) -> EstimateResults:
    """Times a few steps behind each defense and detector; nothing is learned or judged.

    Args:
        settings: of the run that is estimated.
        run: gets events, and the estimate as `estimate.json`.

    Raises:
        LsapError: for anything in the settings that cannot work.
    """
    keep_threads(run)
    skipped: Skipped = []
    task = make_defend_task(settings, run, skipped, resume=False)
    plan = plan_attacks(task, settings)
    fit = FitVideos(task.fit, str(settings.fit), skipped)
    with learning_setup(fit, task.classifier, learning_objective(task), settings.seed, run) as setup:
        fast = settings.ladder == "fast" and split_for_race(setup) is not None
        protocol = task.evaluation.protocol
        judged = JudgedClips(len(task.videos), protocol.views * len(protocol.samplers))
        found = estimate_plan(plan, AttackerLearner(setup, run), judged, fast, settings.time_budget)
    run.write(ESTIMATE_FILE, found)
    limit = "at most" if found.at_most else "about"
    own = "" if found.per_video is None else f"; at most {found.per_video.seconds:.0f} s for rung P"
    run.event(StageEvent(name=f"{limit} {found.steps:,} steps, {found.seconds:.0f} s of learning{own}"))
    return found
