"""Threads that judge side by side give what one thread gives, in order, and each has a network of its own."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from defenses import DEFENSES, Defense
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.evaluation.workers import AHEAD, JudgingWorkers, NetworkCopies
from tests.evaluation.judges import make_matrix, make_protocol, make_videos, strong_perturbation
from tests.tiny import make_classifier

SOME: dict[str, Defense | None] = {
    "none": None,
    **{name: DEFENSES[name]() for name in ("temporal-mean", "jpeg", "random-noise", "spatial-gaussian", "bilateral")},
}


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_predictions_do_not_depend_on_the_number_of_threads_and_come_in_order(tmp_path: Path) -> None:
    videos, before, found = make_videos(tmp_path), torch.get_num_threads(), []
    sources: dict[str, PerturbationSource] = {"none": Unperturbed(), "strong": AddedPerturbation(strong_perturbation())}
    for count in (1, 2, 4):
        torch.set_num_threads(count)
        try:
            judge = MatrixJudge(make_protocol(make_classifier()), make_matrix(sources, SOME))
            made = [replace(one, milliseconds=0.0) for video in videos for one in judge.predict(video)]
            assert torch.get_num_threads() == count, "the caller's threads stay"
        finally:
            torch.set_num_threads(before)
        found.append((made, judge.measurements.changes))
    assert found[0] == found[1] == found[2]


class Stateful(nn.Module):
    """Keeps its input between two layers, as networks with a memory do; two threads in it at once would mix clips."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.kept = torch.zeros(0)
        self.inside = 0

    def forward(self, clips: Tensor) -> Tensor:
        self.inside += 1
        self.kept = clips.flatten(1).mean(1)
        threading.Event().wait(0.002)  # another thread comes in here, if it can
        assert self.inside == 1, "two threads at once"
        self.inside -= 1
        return torch.stack([self.kept, -self.kept], 1) * self.weight


class BlackBox(Stateful):
    """Cannot be copied, as a program that answers cannot."""

    gives_gradients = False


class Uncopyable(Stateful):
    def __deepcopy__(self, memo: object) -> "Uncopyable":
        raise TypeError("it cannot be copied")


@pytest.mark.parametrize("kind", [Stateful, BlackBox, Uncopyable])
def test_no_two_threads_are_in_one_network_at_once(kind: type[Stateful], threads: int) -> None:
    protocol = protocol_of(kind())
    clips = torch.full((1, 4, 3, 8, 8), 200, dtype=torch.uint8)
    with JudgingWorkers[Tensor](NetworkCopies(protocol), 12, 99) as workers:
        made = [one for _ in range(12) for one in workers.do(lambda own: own.probabilities(clips))]
        made += list(workers.finish())
    assert len(made) == 12
    assert all(torch.equal(one, made[0]) for one in made)


def test_copies_share_the_parameters_and_nothing_else() -> None:
    first, second = NetworkCopies(protocol_of(Stateful())).protocols(2)
    assert first.classifier.network is not second.classifier.network
    assert next(first.classifier.parameters()) is next(second.classifier.parameters())


def test_results_come_in_the_order_of_the_work_and_few_pieces_wait(threads: int) -> None:
    gate, begun = threading.Event(), []

    def work(number: int, _: EvaluationProtocol) -> int:
        begun.append(number)
        if number == 0 and threads > 1:
            gate.wait(10)  # the first ends last
        if number == 2:
            gate.set()
        return number

    with JudgingWorkers[int](NetworkCopies(protocol_of(Stateful())), 20, 99) as workers:
        made, most = [], 0
        for number in range(20):
            for one in workers.do(partial(work, number)):
                made.append(one)
            most = max(most, number + 1 - len(made))
        made += list(workers.finish())
    assert made == list(range(20))
    assert most <= AHEAD * threads


def test_fewer_threads_for_want_of_memory_compute_as_each_of_all_would(threads: int) -> None:
    def work(_: EvaluationProtocol) -> int:
        return torch.get_num_threads()

    with JudgingWorkers[int](NetworkCopies(protocol_of(Stateful())), 20, 1) as workers:
        made = [one for _ in range(3) for one in workers.do(work)] + list(workers.finish())
    assert workers.count == 1
    assert made == [1, 1, 1]  # as each of several
    assert torch.get_num_threads() == threads


def test_an_interruption_ends_what_has_begun_and_begins_nothing_else(threads: int) -> None:
    begun: list[int] = []

    def work(number: int, _: EvaluationProtocol) -> int:
        begun.append(number)
        if number == 1:
            raise KeyboardInterrupt
        return number

    def interrupted() -> None:
        with JudgingWorkers[int](NetworkCopies(protocol_of(Stateful())), 50, 99) as workers:
            for number in range(50):
                list(workers.do(partial(work, number)))

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(begun) <= 2 + AHEAD * threads + 1
    assert not [one for one in threading.enumerate() if one.name.startswith("judging")]


def test_the_first_cell_without_a_prediction_is_named_however_the_threads_ran(tmp_path: Path, threads: int) -> None:
    class Broken(Stateful):
        def forward(self, clips: Tensor) -> Tensor:
            return super().forward(clips) * float("nan")

    protocol = replace(make_protocol(make_classifier()), classifier=protocol_of(Broken()).classifier)
    judge = MatrixJudge(protocol, make_matrix({"none": Unperturbed()}, SOME))
    with pytest.raises(NoPrediction, match="attack 'none', defense 'none'"):
        judge.predict(make_videos(tmp_path)[0])


def protocol_of(network: nn.Module) -> EvaluationProtocol:
    """Of a network with two classes."""
    like = make_classifier()
    classifier = Classifier(network, "a network", ["dark", "bright"], like.expects)
    return make_protocol(classifier)
