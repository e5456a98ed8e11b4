"""One share and one time left for all stages of a command, from its events alone."""

from collections.abc import Iterator

import pytest

from lsap_cli.results.events import (
    Event,
    ExpectedStage,
    FramesEvent,
    JudgingEvent,
    PlanEvent,
    StageEvent,
    StepEvent,
    VideoEvent,
    WarningEvent,
)
from lsap_cli.runs.whole_progress import ATTACKERS, WholeProgress

Timed = tuple[float, Event]
STEPS, VIDEOS = 100, 20
A_CLIP = 0.5  # seconds that the network takes
PLAN = PlanEvent(
    stages=(ExpectedStage(stage="learning", clips=12.0 * STEPS), ExpectedStage(stage="verify", clips=400.0))
)


def run_of(a_step: float, a_video: float, says_left: bool = False) -> Iterator[Timed]:
    """Loading, decoding, learning and verifying, in seconds of a clock that begins at 100."""
    now = 100.0
    yield now, StageEvent(name="loading the model")
    now += 7
    yield now, StageEvent(name="decoding", videos=5)
    for _ in range(5):
        now += 0.4
        yield now, VideoEvent(path="a.mp4")
    yield now, PLAN
    yield now, StageEvent(name="learning", steps=STEPS)
    for number in range(1, STEPS + 1):
        now += a_step
        left = a_step * (STEPS - number) if says_left else None
        yield now, StepEvent(number=number, progress=number / STEPS, seconds_left=left)
    yield now, StageEvent(name="verifying on frames", videos=VIDEOS)
    for _ in range(VIDEOS):
        now += a_video
        yield now, VideoEvent(path="b.mp4")


@pytest.mark.parametrize("a_step", [0.01, 6.0, 40.0])
@pytest.mark.parametrize("a_video", [0.01, 10.0, 300.0])
@pytest.mark.parametrize("says_left", [True, False])
def test_the_share_never_falls_and_ends_at_all(a_step: float, a_video: float, says_left: bool) -> None:
    progress, shares, lefts = WholeProgress(), list[float](), list[float]()
    for now, event in run_of(a_step, a_video, says_left):
        progress.take(event, now)
        if progress.share is not None and progress.seconds_left is not None:
            shares.append(progress.share)
            lefts.append(progress.seconds_left)
    assert shares == sorted(shares)
    assert all(0 <= one <= 1 for one in shares)
    assert min(lefts) >= 0
    assert shares[-1] > 0.9
    assert max(lefts) <= STEPS * max(a_step, A_CLIP * 12) * 2 + 10 * VIDEOS * max(a_video, 10.0)


def test_the_time_left_is_that_of_all_stages_where_the_network_is_as_fast_as_in_learning() -> None:
    progress = WholeProgress()
    events = list(run_of(12 * A_CLIP, 400 * A_CLIP / VIDEOS))
    end = events[-1][0]
    for now, event in events:
        progress.take(event, now)
        if isinstance(event, StepEvent) and event.number > 20:
            assert progress.seconds_left == pytest.approx(end - now, rel=0.1)
    assert progress.seconds_left == pytest.approx(0, abs=8)


def test_nothing_is_said_of_the_time_before_it_is_known_what_follows_and_how_fast() -> None:
    progress = WholeProgress()
    for now, event in run_of(1.0, 1.0):
        progress.take(event, now)
        if isinstance(event, StageEvent) and event.name == "learning":
            break
        assert (progress.share, progress.seconds_left, progress.left_at(now)) == (None, None, None)


def test_all_attackers_are_one_stage_whose_time_they_say_themselves() -> None:
    progress = WholeProgress()
    progress.take(PlanEvent(stages=(ExpectedStage(stage=ATTACKERS, clips=60.0), ExpectedStage(stage="judging"))), 0.0)
    for number, now in ((1, 0.0), (2, 60.0)):
        stage = StageEvent(name=f"round 1, attacker {number}", attacker=number, attackers=2, steps=10)
        progress.take(stage, now)
        progress.take(StepEvent(number=5, progress=0.5, seconds_left=90.0 - now), now + 30)
    assert progress.share == pytest.approx(0.75, abs=0.15)
    progress.take(StageEvent(name="judging the rest"), 120.0)
    assert progress.left_at(200.0) == 0.0


def test_between_events_the_time_left_runs_down_and_other_events_leave_it() -> None:
    progress = WholeProgress()
    progress.take(PlanEvent(stages=(ExpectedStage(stage="applying"),)), 0.0)
    progress.take(StageEvent(name="applying", files=3), 0.0)
    progress.take(FramesEvent(path="a.mp4", progress=0.5, seconds_left=40.0), 40.0)
    progress.take(WarningEvent(message="a note"), 50.0)
    assert (progress.share, progress.left_at(50.0), progress.left_at(1000.0)) == (0.5, 30.0, 0.0)


def test_a_part_of_a_long_video_counts() -> None:
    progress = WholeProgress()
    progress.take(PlanEvent(stages=(ExpectedStage(stage="evaluating", clips=10.0),)), 0.0)
    progress.take(StageEvent(name="evaluating", videos=2), 0.0)
    progress.take(JudgingEvent(path="a.mp4", share=0.5), 10.0)
    assert progress.seconds_left == pytest.approx(30.0)
    progress.take(VideoEvent(path="a.mp4"), 20.0)
    assert progress.share == pytest.approx(0.5, abs=0.02)


def test_a_plan_without_clips_says_nothing_before_its_stage_is_measured() -> None:
    progress = WholeProgress()
    progress.take(StageEvent(name="looking at the files", files=2), 100.0)
    for second in (101.0, 102.0):  # this stage is over, which says nothing of the next one
        progress.take(VideoEvent(path="a.mp4"), second)
    progress.take(PlanEvent(stages=(ExpectedStage(stage="cells"), ExpectedStage(stage="drawing"))), 110.0)
    assert (progress.share, progress.seconds_left) == (None, None)
    progress.take(StageEvent(name="cells", cells=100), 110.0)
    assert (progress.share, progress.seconds_left) == (None, None)
    progress.count(25)
    progress.look_again(210.0)
    assert progress.seconds_left == pytest.approx(300.0)
    assert progress.share == pytest.approx(110 / 410)


def hardening() -> Iterator[Timed]:
    """Training at 2 s a step; then six attackers: 10 s to begin, 12 s for the first step, 1 s for each other one."""
    now, steps, attackers = 0.0, 50, 6
    learned = [ExpectedStage(stage=f"learning {one} of {attackers}:", clips=12.0 * steps) for one in range(1, 7)]
    yield now, PlanEvent(stages=(ExpectedStage(stage="training", clips=12.0 * steps), *learned))
    yield now, StageEvent(name="training", steps=steps)
    for number in range(1, steps + 1):
        now += 2
        yield now, StepEvent(number=number, progress=number / steps, seconds=2.0 * number, clips=4)
    for attacker in range(1, attackers + 1):
        name = f"learning {attacker} of {attackers}: fresh"
        yield now, StageEvent(name=name, steps=steps, attacker=attacker, attackers=attackers)
        now += 10
        for number in range(1, steps + 1):
            now += 12 if number == 1 else 1
            seconds = 11.0 + number
            left = seconds / number * (steps - number)
            progress = number / steps
            yield now, StepEvent(number=number, progress=progress, seconds=seconds, clips=4, seconds_left=left)


def test_the_time_left_does_not_jump_where_attackers_begin() -> None:
    """A first step that is slow, and what an attacker does before it, are no pace of the whole run."""
    events = list(hardening())
    end, progress = events[-1][0], WholeProgress()
    for now, event in events:
        before = progress.left_at(now)
        progress.take(event, now)
        if before is not None and now > 150 and progress.seconds_left is not None:
            assert abs(progress.seconds_left - before) < 0.15 * (end - 100), (now, before, progress.seconds_left)
            if now > 260:  # two attackers are over: the others take as long
                assert progress.seconds_left == pytest.approx(end - now, abs=64)


def test_a_slow_moment_of_a_long_run_moves_the_time_left_by_little() -> None:
    """Another program takes the machine for ten seconds: a hundred events say that all takes four times as long."""
    progress = WholeProgress()
    progress.take(PlanEvent(stages=(ExpectedStage(stage=ATTACKERS, seconds=3000.0),)), 0.0)
    progress.take(StageEvent(name="learning 1 of 2: A1", steps=3000, attacker=1, attackers=2), 0.0)
    for second in range(1, 1001):
        left = 3000.0 - second
        progress.take(StepEvent(number=second, progress=second / 3000, seconds_left=left), float(second))
    before = progress.seconds_left or 0.0
    assert before == pytest.approx(2000, rel=0.01)
    for tenth in range(1, 101):
        step = StepEvent(number=1000 + tenth, progress=1 / 3, seconds_left=8000.0)
        progress.take(step, 1000 + tenth / 10)
    assert progress.seconds_left is not None
    assert before < progress.seconds_left < 1.35 * before


def test_a_first_step_that_prepares_the_others_is_no_pace_of_what_follows() -> None:
    progress, now = WholeProgress(), 0.0
    plan = (ExpectedStage(stage=ATTACKERS, clips=4800.0, seconds=60.0), ExpectedStage(stage="evaluating", clips=1200.0))
    progress.take(PlanEvent(stages=plan), now)
    for number in range(1, 5):
        name = f"round 1, attacker {number} of 4: A{number}"
        progress.take(StageEvent(name=name, steps=100, attacker=number, attackers=4), now)
        for step in (1, 2, 3):
            now += 10.0 if step == 1 else 0.12
            learned = 10.0 + 0.12 * (step - 1)
            left = 50.0 - now
            progress.take(
                StepEvent(
                    number=step, clips=4, seconds=learned, progress=step / 3, seconds_left=left, member=f"A{number}"
                ),
                now,
            )
    progress.take(StageEvent(name="evaluating", videos=40), now)
    assert progress.seconds_left == pytest.approx(1200 * 0.01, rel=0.3)  # 0.12 seconds a step: of 4 clips, three passes
