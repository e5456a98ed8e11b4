import pytest

from lsap_cli.results.ladders import attacker_name


@pytest.mark.parametrize(
    ("rung", "attack", "against", "name"),
    [
        ("A2", "A2 declared gradient (jpeg:quality=75)", "jpeg:quality=75", "A2 declared gradient"),
        ("A0", "A2 declared gradient (no defense)", "jpeg:quality=75", "A0 declared gradient (no defense)"),
        ("A2", "from the given one (no defense)", "none", "A2 from the given one"),
    ],
)
def test_an_attacker_of_another_ladder_is_named_as_such(rung: str, attack: str, against: str, name: str) -> None:
    assert attacker_name(rung, attack, against) == name
