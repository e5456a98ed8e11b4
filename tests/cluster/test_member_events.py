from pathlib import Path
from typing import Any

from lsap_cli.learning.spread_members import MemberEvents
from lsap_cli.results.events import StepEvent
from lsap_cli.runs import Run


def test_events_of_members_come_one_member_after_the_other_whoever_ends_first(tmp_path: Path) -> None:
    said: list[Any] = []
    with Run(tmp_path / "run", "generate", {}, [said.append]) as run:
        events = MemberEvents(run, ["a", "b", "c"])
        for member, number in [("b", 1), ("a", 1), ("c", 1), ("b", 2)]:
            events.take(member, StepEvent(number=number, member=member))
        events.end("b")
        assert [one.member for one in said[1:]] == ["a"]  # the first one's at once
        events.take("a", StepEvent(number=2, member="a"))
        events.end("a")
        events.take("c", StepEvent(number=2, member="c"))
        events.end("c")
    steps = [(one.member, one.number) for one in said if isinstance(one, StepEvent)]
    assert steps == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("c", 2)]
