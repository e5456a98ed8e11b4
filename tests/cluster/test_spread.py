"""Work on the nodes of a cluster is that of one machine, and what goes wrong there is told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs, to_builtins

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.cluster.work import WorkFailure
from lsap_cli.demo.videos import write_dataset
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash
from lsap_cli.jobs.apply import apply
from lsap_cli.jobs.defend import defend
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.generate import generate
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.results.events import ClusterEvent, NoteEvent, StepEvent, VideoEvent, WarningEvent
from lsap_cli.results.files import decode_lines
from lsap_cli.results.records import Record
from lsap_cli.runs import Run
from tests.cluster.cluster_tasks import Trial, Weights
from tests.cluster.worlds import LIMIT, ClusterWorld, without_times
from tests.tiny import make_bytes, make_perturbation, write_tiny


def test_every_task_ends_and_its_ways_are_told_apart(
    world: ClusterWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsap_cli.cluster.pool.ATTEMPTS", 2)
    ways = ["crash", "crash once", "hang", "slow", "events"]
    tasks = [Trial("well", number) for number in range(10)] + [Trial(how, marks=tmp_path) for how in ways]
    outcomes = world.outcomes(tasks)
    assert outcomes.keys() == set(tasks)
    assert [outcomes[Trial("well", number)] for number in range(10)] == [2 * number for number in range(10)]
    by_way = {task.how: outcomes[task] for task in tasks if task.marks}
    assert by_way["crash"] == WorkFailure("the process that worked on it crashed, 2 times", "crash")
    assert len(list(tmp_path.glob("crash-*"))) == 2
    assert by_way["crash once"] == 0  # done again
    assert len(list(tmp_path.glob("crash once*"))) == 2
    assert by_way["hang"] == WorkFailure("nothing came of it for 2 seconds, so it was given up on", "hang")
    assert by_way["slow"] == 0  # longer than patience, but it reported progress
    again = [event.message for event in world.said(WarningEvent) if "done again" in event.message]
    assert sorted(message.partition(" that worked on ")[2].partition(" died")[0] for message in again) == [
        "crash 0", "crash once 0",
    ]  # fmt: skip
    assert all(message.startswith("the worker on ") for message in again)
    assert [event.message for event in world.said(NoteEvent)] == [f"0: {number}" for number in range(5)]
    last = world.said(ClusterEvent)[-1]
    assert [node.workers for node in last.nodes] == [1, 1]
    assert sum(node.done for node in last.nodes) == 13
    assert all(node.done for node in last.nodes)  # both took part
    assert sum(node.failed for node in last.nodes) == 4
    assert len({node.name for node in last.nodes}) == 2


def test_a_task_gets_numbers_of_its_own_and_one_number_of_threads(world: ClusterWorld) -> None:
    values = torch.zeros(100_000)
    tasks = [Trial("write", number) for number in range(6)]
    outcomes = world.outcomes(tasks, Weights(values))
    assert float(values.sum()) == 0
    sums = sorted(outcomes[task] for task in tasks)
    assert set(sums) <= {100_000.0 * number for number in range(1, 7)}  # of one process, not of both
    assert sums.count(100_000.0) == 2  # each worker began with zeros
    assert set(world.outcomes([Trial("threads", number) for number in range(6)]).values()) == {1}


def test_a_killed_board_does_not_end_the_work_and_a_hung_task_is_still_given_up_on(world: ClusterWorld) -> None:
    import ray

    ray.kill(world.session.board, no_restart=False)
    outcomes = world.outcomes([Trial("well", 1), Trial("hang"), Trial("well", 2)])
    assert outcomes[Trial("well", 1)] == 2
    assert outcomes[Trial("hang")].kind == "hang"


def test_a_node_that_differs_is_refused_by_name_before_it_gets_tasks(world: ClusterWorld) -> None:
    from lsap_cli.cluster.session import check_nodes
    from lsap_cli.cluster.worker import NodeFacts, full_versions

    here, identity = full_versions(), world.cluster.head_node.node_id
    check_nodes(world.session, {identity: NodeFacts("a", here, True)})
    other = NodeFacts("a", here | {"lsap": "0.0.9", "source of lsap": "0" * 12}, True)
    with pytest.raises(
        LsapError, match=r"node .* has lsap 0\.0\.9 \(here .*source of lsap 000000000000 .*install the same"
    ):
        check_nodes(world.session, {identity: other})
    with pytest.raises(LsapError, match=f"does not see --storage {world.storage}"):
        check_nodes(world.session, {identity: NodeFacts("a", here, False)})


def test_refusals_and_faults_of_a_worker_are_those_of_the_command(world: ClusterWorld) -> None:
    with pytest.raises(LsapError, match="that cannot be") as refused:
        world.outcomes([Trial("refuse")])
    assert refused.value.exit_code == 2
    with pytest.raises(RuntimeError, match=r"(?s)KeyError: 'surprise'.*cluster_tasks\.py"):
        world.outcomes([Trial("fault")])


def test_a_file_that_a_worker_does_not_find_or_finds_changed_is_named(world: ClusterWorld) -> None:
    from lsap_cli.cluster.worker import SharedFile, file_problem

    file, gone = world.storage / "a.bin", world.storage / "gone.bin"
    file.write_bytes(b"one")
    right, wrong = SharedFile(file, content_hash(file)), SharedFile(file, "0" * 64)
    outcomes = world.outcomes([Trial("well", 1, files=(right,)), Trial("well", 2, files=(SharedFile(gone),))])
    assert outcomes[Trial("well", 1, files=(right,))] == 2
    failure = outcomes[Trial("well", 2, files=(SharedFile(gone),))]
    assert failure.kind == "file"
    assert f"does not find {gone}" in failure.reason
    with pytest.raises(LsapError, match=r"the worker on .* finds another content in .*a\.bin.*--resume"):
        world.outcomes([Trial("well", 3, files=(wrong,))])
    problem = file_problem(SharedFile(gone))
    assert problem is not None
    gone.touch()  # here it is there now: the node's mount differs
    from lsap_cli.cluster.pool import ClusterPool

    error = ClusterPool(world.session, LIMIT)._error(problem, world.cluster.head_node.node_id)
    assert "does not find" in str(error)
    assert "mount the storage there" in str(error)


def test_apply_writes_the_same_files_and_manifest_as_one_machine(
    world: ClusterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = world.storage / "videos"
    for number, name in enumerate(["a.mkv", "sub/it's b.mkv", "sub/c.mkv"]):
        write_tiny(videos / name, make_bytes(4, seed=number))
    (videos / "broken.mkv").write_bytes(b"no video")
    make_perturbation("relative:2").save(world.storage / "r.safetensors")
    world.lend_session(monkeypatch)
    results = {}
    for name, cluster in (("one", None), ("two", world.cluster.address)):
        settings = ApplySettings(
            str(world.storage / "r.safetensors"), str(videos), str(world.storage / name), codec="h264:crf=23",
            cluster=cluster, storage=cluster and str(world.storage),
        )  # fmt: skip
        with Run(world.storage / f"run-{name}", "apply", {}, []) as run:
            results[name] = apply(settings, run)
    assert _files(world.storage / "one") == _files(world.storage / "two")
    assert results["one"].files == results["two"].files
    assert results["one"].skipped == results["two"].skipped
    assert results["one"].effective == results["two"].effective
    assert len(results["two"].files) == 3
    assert "broken.mkv" in {one.path for one in results["two"].skipped}


def read_records(folder: Path) -> list[Record]:
    """The records of a run in the order of their file, without what a clock says."""
    lines = (folder / "records.jsonl").read_bytes()
    return [structs.replace(one, milliseconds=0.0) for one in decode_lines(lines, Record) if one]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_defend_gives_the_same_records_and_results_as_one_machine(
    world: ClusterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = world.storage / "demo"
    write_dataset(videos, 1, 62)
    (videos / "circle" / "broken.mkv").parent.mkdir(exist_ok=True)
    (videos / "circle" / "broken.mkv").write_bytes(b"no video")
    make_perturbation("relative:2").save(world.storage / "d.safetensors")
    asked = DefendSettings(
        videos=str(videos), model="demo", perturbation=str(world.storage / "d.safetensors"), device="cpu", draws=2,
        sampler=("uniform", "random"),
        defense=("none", "temporal-median:window=3", "resize-pad", "perturbation-subtraction"),
    )  # fmt: skip
    results: dict[str, Any] = {}
    records: dict[str, list[Record]] = {}
    events: dict[str, list[str]] = {}
    world.lend_session(monkeypatch)
    for name, cluster in (("one", None), ("two", world.cluster.address)):
        settings = replace(asked, cluster=cluster, storage=cluster and str(world.storage), timeout=60.0)
        said: list[Any] = []
        with Run(world.storage / f"defend-{name}", "defend", {}, [said.append]) as run:
            results[name] = without_times(to_builtins(defend(settings, run)))
        records[name] = read_records(world.storage / f"defend-{name}")
        events[name] = sorted(event.path for event in said if isinstance(event, VideoEvent))
    assert len(records["one"]) == len(events["one"]) * 3 * 4 * 2
    assert records["one"] == records["two"]
    assert events["one"] == events["two"]
    assert results["one"] == results["two"]
    assert results["two"]["skipped"]


def test_generate_learns_the_same_perturbations_as_one_machine(
    world: ClusterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(world.storage / "fit", 2, 63)
    world.lend_session(monkeypatch)
    results: dict[str, Any] = {}
    records: dict[str, list[Record]] = {}
    steps: dict[str, list[tuple[object, int, float | None]]] = {}
    for name, cluster in (("one", None), ("two", world.cluster.address)):
        folder = world.storage / f"generate-{name}"
        settings = GenerateSettings(
            videos=str(world.storage / "fit"), model="demo", out=str(folder / "r.safetensors"), steps=5, seeds=3,
            device="cpu", cluster=cluster, storage=cluster and str(world.storage),
        )  # fmt: skip
        said: list[Any] = []
        with Run(folder / "run", "generate", {}, [said.append]) as run:
            made = generate(settings, run)
        assert made is not None
        results[name] = without_times(to_builtins(made) | {"out": "", "frame_store": None})
        records[name] = read_records(folder / "run")
        steps[name] = [(one.member, one.number, one.loss) for one in said if isinstance(one, StepEvent)]
    one, two = (world.storage / f"generate-{name}" for name in ("one", "two"))
    for file in ("r.safetensors", "r-seed1.safetensors", "r-seed2.safetensors"):
        assert (one / file).read_bytes() == (two / file).read_bytes()
    assert records["one"] == records["two"]
    assert results["one"] == results["two"]
    assert steps["one"] == steps["two"]  # one member after the other, as one machine learns them
    assert len(steps["two"]) == 15


def test_attackers_of_a_budget_curve_are_those_of_one_machine(
    world: ClusterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(world.storage / "ladder-fit", 1, 64)
    write_dataset(world.storage / "ladder-test", 1, 65)
    make_perturbation("relative:2").save(world.storage / "l.safetensors")
    world.lend_session(monkeypatch)
    files: dict[str, dict[str, bytes]] = {}
    results: dict[str, Any] = {}
    for name, cluster in (("one", None), ("two", world.cluster.address)):
        settings = DefendSettings(
            videos=str(world.storage / "ladder-test"), model="demo", perturbation=str(world.storage / "l.safetensors"),
            device="cpu", defense=("none",), epsilons=("2/255", "4/255", "16/255"), steps=2,
            fit=str(world.storage / "ladder-fit"), ladder="full",
            cluster=cluster, storage=cluster and str(world.storage),
        )  # fmt: skip
        with Run(world.storage / f"ladder-{name}", "defend", {}, []) as run:
            results[name] = without_times(to_builtins(defend(settings, run)))
        folder = world.storage / f"ladder-{name}" / "attackers"
        files[name] = {path.name: path.read_bytes() for path in sorted(folder.glob("*.safetensors"))}
    assert len(files["one"]) == 3
    assert files["one"] == files["two"]
    assert results["one"] == results["two"]


def test_a_stopped_defend_is_resumed_on_the_cluster_as_if_it_had_not_been(
    world: ClusterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(world.storage / "stopped", 1, 66)
    make_perturbation("relative:2").save(world.storage / "s.safetensors")
    world.lend_session(monkeypatch)
    settings = DefendSettings(
        videos=str(world.storage / "stopped"), model="demo", perturbation=str(world.storage / "s.safetensors"),
        device="cpu", defense=("none",), cluster=world.cluster.address, storage=str(world.storage),
    )  # fmt: skip
    said: list[Any] = []

    def stop_after_two(event: Any) -> None:
        said.append(event)
        if sum(isinstance(one, VideoEvent) for one in said) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Run(world.storage / "stopped-run", "defend", {}, [stop_after_two]) as run:
        defend(settings, run)
    after: list[Any] = []
    with Run(world.storage / "stopped-run", "defend", {}, [after.append], resume=True) as run:
        resumed = without_times(to_builtins(defend(settings, run, resume=True)))
    with Run(world.storage / "whole-run", "defend", {}, []) as run:
        whole = without_times(to_builtins(defend(replace(settings, cluster=None, storage=None), run)))
    judged = [[one.path for one in events if isinstance(one, VideoEvent)] for events in (said, after)]
    assert len(judged[0]) == 2
    assert not set(judged[0]) & set(judged[1])  # none is judged twice
    assert read_records(world.storage / "stopped-run") == read_records(world.storage / "whole-run")
    assert resumed == whole
