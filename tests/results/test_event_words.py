import pytest

from lsap_cli.results.event_words import cluster_words, node_words, pace_text, verification_words
from lsap_cli.results.events import ClusterEvent, VerificationEvent
from lsap_cli.results.node_use import NodeUse
from lsap_cli.results.rates import rate_of


@pytest.mark.parametrize(
    ("pace", "text"), [(120.4, "120 clips/s"), (3.0, "3 clips/s"), (1.44, "1.4 clips/s"), (0.31, "3.2 s a clip")]
)
def test_a_slow_pace_is_seconds_a_clip_and_never_zero(pace: float, text: str) -> None:
    assert pace_text(pace) == text


def test_a_pace_counts_what_it_is_asked_to() -> None:
    assert (pace_text(14.0, "frame"), pace_text(0.5, "frame")) == ("14 frames/s", "2.0 s a frame")


def test_a_cluster_says_who_works_and_how_fast_and_what_is_lost() -> None:
    first = NodeUse(name="a", workers=2, running=1, done=30, tasks_per_second=3.0)
    second = NodeUse(name="b", workers=4, done=5, failed=2, tasks_per_second=0.5, alive=False)
    assert node_words(first) == "a: 1 of 2 workers at work, 30 tasks done, 3 tasks/s"
    assert node_words(second) == "b: lost, 5 tasks done, 2.0 s a task, 2 without a result"
    assert cluster_words(ClusterEvent(nodes=(first, second))) == "2 workers on node a, 1 lost, 35 tasks done, 4 tasks/s"
    idle = NodeUse(name="a", workers=1)
    assert cluster_words(ClusterEvent(nodes=(idle,))) == "1 worker on node a"
    assert cluster_words(ClusterEvent(nodes=(idle, NodeUse(name="b", workers=3)))) == "4 workers on 2 nodes"
    assert node_words(idle) == "a: 0 of 1 workers at work, 0 tasks done"


def test_accuracy_in_training_is_told_with_its_count_and_interval() -> None:
    event = VerificationEvent(step=40, loss=0.5, accuracy=rate_of(22, 46))
    assert verification_words(event) == "step 40: accuracy on 46 unseen videos 0.48 (22/46, 0.34–0.62)"
