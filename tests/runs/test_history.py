import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from lsap_cli.runs.following import FileTail, sampled
from lsap_cli.runs.history import History
from lsap_cli.runs.thinning import MOST_ITEMS, Thinned, kind_of


def line(kind: str, time: float, **facts: object) -> bytes:
    return json.dumps({"time": time, "kind": kind, **facts}).encode() + b"\n"


def step(at: int, **facts: object) -> bytes:
    return line("step", 1000.0 + at, number=at, loss=1.0 / at, fooled=1, clips=4, seconds=at / 10, **facts)


def long_run(steps: int) -> bytes:
    """Steps with everything else between them now and then."""
    generator = random.Random(1)
    lines = [line("start", 999.0, command="generate"), line("stage", 999.5, name="learning", steps=steps)]
    for at in range(1, steps + 1):
        lines.append(step(at))
        if generator.random() < 0.001:
            lines.append(line("usage", 1000.0 + at, memory_bytes=at))
        if generator.random() < 0.0005:
            rate = {"value": 0.5, "count": 2, "of": 4, "low": 0.1, "high": 0.9}
            lines.append(line("verification", 1000.0 + at, step=at, fooled=rate))
            lines.append(b"{half a line\n")
    return b"".join(lines)


def test_steps_of_attackers_after_a_training_are_in_no_curve_of_it() -> None:
    history = History()
    history.feed(b"".join([step(at) for at in range(1, 6)] + [step(at, member="fresh, seed 1") for at in (1, 2)]))
    assert [one.number for one in history.steps.items] == [1, 2, 3, 4, 5]
    assert history.last_step is not None
    assert (history.last_step.number, history.last_step.member) == (2, "fresh, seed 1")


def test_a_large_block_adds_up_to_the_same_as_its_lines_one_by_one() -> None:
    block = long_run(12_000)
    fast, slow = History(), History()
    fast.feed(block)
    for one in block.splitlines(keepends=True):
        slow.feed(one)
    for name in ("events", "bad_lines", "counted", "warnings", "verifications", "last_step", "last_usage", "last_time"):
        assert getattr(fast, name) == getattr(slow, name), name
    assert list(fast.log) == list(slow.log)
    assert fast.bad_lines > 5
    assert fast.steps.offered == slow.steps.offered == 12_000


def test_a_long_run_is_held_in_few_points_that_cover_all_of_it() -> None:
    history = History()
    history.feed(long_run(12_000))
    numbers = [one.number for one in history.steps.items]
    assert len(numbers) <= MOST_ITEMS
    assert numbers == sorted(set(numbers))
    gaps = [b - a for a, b in zip([0, *numbers], [*numbers, 12_000], strict=True)]
    assert max(gaps) <= 12_000 / MOST_ITEMS * 6


@pytest.mark.parametrize(("offered", "limit"), [(7, 4), (100, 8), (8, 8)])
def test_thinned_keeps_items_at_even_distances(offered: int, limit: int) -> None:
    thinned: Thinned[int] = Thinned(limit)
    for item in range(offered):
        if thinned.offer():
            thinned.add(item)
    assert len(thinned.items) <= limit
    assert thinned.items == list(range(0, offered, thinned.stride))[: len(thinned.items)]
    assert thinned.offered == offered


def test_the_newest_step_is_known_though_it_was_not_kept() -> None:
    history = History()
    for at in range(1, 5000):
        history.feed(step(at))
    assert history.last_step is not None
    assert history.last_step.number == 4999


def test_what_a_step_does_not_say_is_none_and_what_it_says_is_read() -> None:
    history = History()
    history.feed(step(1) + step(2, coherence=0.25, step_size=0.004, progress=0.5, seconds_left=9.0))
    first, second = history.steps.items
    assert (first.coherence, first.step_size, first.seconds_left) == (None, None, None)
    assert (second.coherence, second.step_size, second.progress, second.seconds_left) == (0.25, 0.004, 0.5, 9.0)


def test_the_frame_that_a_worker_is_at_is_known_until_its_file_is_done_and_stays_out_of_the_log() -> None:
    history = History()
    history.feed(line("frames", 1.0, path="a.mp4", frame=8, frames=40, doing="checking", frames_per_second=26.6))
    assert history.at_work == "a.mp4: checking frame 8 of 40, 27 a second"
    history.feed(line("file", 2.0, path="a.mp4", linf=8))
    assert history.at_work == ""
    assert [one.kind for one in history.log] == ["file"]


def test_how_far_a_long_video_is_counts_as_a_part_of_it_until_it_is_done() -> None:
    history = History()
    history.feed(line("stage", 1.0, name="evaluating", videos=4) + line("video", 2.0, path="a.mp4"))
    history.feed(line("judging", 3.0, path="b.mp4", share=0.25) + line("judging", 5.0, path="b.mp4", share=0.5))
    assert (history.counted, history.share_at_work) == (1, 0.5)
    assert history.at_work == "b.mp4: 50% judged"
    history.feed(line("video", 6.0, path="b.mp4"))
    assert (history.counted, history.share_at_work, history.at_work, history.slow) == (2, 0.0, "", True)
    history.feed(line("stage", 7.0, name="detecting", videos=4))
    assert not history.slow
    assert "judging" not in [one.kind for one in history.log]


def test_steps_that_a_resumed_run_repeats_count_once() -> None:
    history = History()
    history.feed(b"".join(step(at) for at in range(1, 11)))
    history.feed(line("start", 2000.0, command="generate") + line("resumed", 2000.0, step=6, seconds=0.6))
    history.feed(b"".join(step(at) for at in range(7, 13)))
    assert [one.number for one in history.steps.items] == list(range(1, 13))


@pytest.mark.parametrize(
    "bad", [b"\n", b"{", b"[1]", b"null", b'{"kind": 3}', b"\xff\xfe", b'{"time": 1, "kind": "step"', b"{" * 3000]
)
def test_lines_that_are_no_events_are_counted_and_passed_over(bad: bytes) -> None:
    history = History()
    history.feed(step(1) + bad + b"\n" + step(2))
    assert [one.number for one in history.steps.items] == [1, 2]
    assert history.bad_lines == (1 if bad.strip() else 0)


def test_a_loss_that_is_no_number_is_none() -> None:
    history = History()
    history.feed(line("step", 1.0, number=1, loss=None))
    assert history.steps.items[0].loss is None


@pytest.mark.parametrize("wrong", ["1", True, float("nan"), [], {}, 10**400, -(10**400)])
def test_an_event_with_a_field_that_cannot_be_is_a_damaged_line(wrong: object) -> None:
    history = History()
    for kind in ("step", "file", "usage", "verification", "stage", "skipped", "warning", "split", "end"):
        fields: dict[str, object] = {"number": 1, "step": 1, "name": "a", "path": "a", "message": "a", "status": "a"}
        fields |= {"fit": 1, "verify": 1}
        at_fault = {"file": "linf", "skipped": "reason", "stage": "videos", "warning": "message", "end": "status"}
        key = at_fault.get(kind, {"step": "loss", "usage": "cpu_percent", "verification": "loss"}.get(kind, "fit"))
        if not (kind in ("skipped", "warning", "end") and wrong == "1"):
            history.feed(json.dumps({"time": 1.0, "kind": kind, **fields, key: wrong}).encode() + b"\n")
    assert history.events == 0
    assert history.bad_lines == (6 if wrong == "1" else 9)


def test_an_event_of_a_later_version_s_kind_is_logged_with_its_fields() -> None:
    history = History()
    history.feed(line("new kind", 1.0, apples=3, pears=[1]))
    assert history.bad_lines == 0
    assert history.log[0].text == "apples 3, pears [1]"


@pytest.mark.parametrize("layout", ['{{"time": 1.5, "kind": "{kind}"}}', '{{"kind":"{kind}","time":1.5}}'])
def test_the_kind_is_found_where_this_version_and_version_0_1_write_it(layout: str) -> None:
    assert kind_of(layout.format(kind="step").encode()) == "step"


def test_a_first_look_at_a_large_file_has_its_beginning_its_end_and_steps_all_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(long_run(30_000))
    history = History()
    pieces = list(sampled(path))
    for piece in pieces:
        assert piece.endswith(b"\n")
        history.feed(piece)
    assert sum(map(len, pieces)) < path.stat().st_size / 2
    assert history.stage is not None
    assert history.last_step is not None
    assert history.last_step.number == 30_000
    numbers = [one.number for one in history.steps.items]
    assert numbers == sorted(set(numbers))
    assert max(b - a for a, b in pairwise(numbers)) < 1_000
    path.write_bytes(step(1))
    assert list(sampled(path)) == [step(1)]


def test_a_tail_gives_each_whole_line_once_and_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = FileTail(path)
    assert list(tail.read()) == []
    assert str(tail.problem) == "events.jsonl is missing"
    path.write_bytes(b"one\ntw")
    assert list(tail.read()) == [b"one\n"]
    assert (tail.unfinished, list(tail.read())) == (True, [])
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert list(tail.read()) == [b"two\nthree\n"]
    assert (tail.unfinished, tail.problem) == (False, None)


def test_a_file_that_was_replaced_or_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntwo\n")
    tail = FileTail(path)
    assert list(tail.read()) == [b"one\ntwo\n"]
    path.write_bytes(b"new\n")
    assert list(tail.read()) == [b"new\n"]
    assert tail.restarts == 1
    path.unlink()
    other = tmp_path / "other"
    other.write_bytes(b"longer than it was before\n")
    other.rename(path)
    assert list(tail.read()) == [b"longer than it was before\n"]
    assert tail.restarts == 2


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * (10 * 2**20))
    tail = FileTail(path)
    assert sum(len(block) for block in tail.read()) >= 8 * 2**20
    tail.close()
