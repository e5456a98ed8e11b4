"""Settings of another type are refused when a part is made, whatever the part."""

from dataclasses import Field, dataclass, fields
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest

from defenses import DEFENSES, DETECTORS
from defenses.certify import SMOOTHINGS
from defenses.temporal import TemporalMean
from lsap_common import check_types
from perturbations import ATTACKS, SAMPLERS
from perturbations.attacks.ifgsm import Ifgsm

PARTS: dict[str, type[Any]] = {**ATTACKS, **SAMPLERS, **DEFENSES, **DETECTORS, **SMOOTHINGS}


def settings_of(name: str) -> list[Field[Any]]:
    return [field for field in fields(PARTS[name]) if field.init]


@pytest.mark.parametrize("name", PARTS)
def test_no_setting_of_any_part_takes_an_object_of_another_type(name: str) -> None:
    for field in settings_of(name):
        for wrong in (object(), "wrong", [1]):
            with pytest.raises(ValueError, match=rf"^{field.name} is .*; use "):
                PARTS[name](**{field.name: wrong})


@pytest.mark.parametrize("name", PARTS)
def test_no_part_takes_a_whole_number_of_absurd_size(name: str) -> None:
    for field in settings_of(name):
        if isinstance(field.default, int) and not isinstance(field.default, bool):
            for absurd in (10**20, -(10**20)):
                with pytest.raises(ValueError, match=rf"^{field.name} is "):
                    PARTS[name](**{field.name: absurd})


@pytest.mark.parametrize(
    ("part", "settings", "sentence"),
    [
        ("dense", {"stride": 2**31}, "stride is 2147483648; use a whole number of at most 2147483647"),
        ("temporal-mean", {"window": 1001}, "window is 1001; it must be an odd number of at most 999"),
        ("bilateral", {"window": 1001}, "window is 1001; it must be an odd number of at most 999"),
        ("lsap", {"coherence": "more"}, "coherence is more; use keep, break or off"),
        ("jpeg", {"quality": "50"}, "quality is '50'; use a whole number"),
        ("jpeg", {"quality": 50.0}, r"quality is 50\.0; use a whole number"),
        ("jpeg", {"quality": True}, "quality is True; use a whole number"),
        ("ifgsm", {"step_size": None}, "step_size is None; use a number"),
        ("feature-squeezing", {"squeezers": ("jpeg",)}, "use a tuple, whose members are each an object of the class D"),
    ],
)
def test_a_setting_of_another_type_is_refused_with_what_would_work(
    part: str, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        PARTS[part](**settings)


def test_numbers_of_numpy_and_whole_numbers_for_fractions_are_numbers() -> None:
    assert PARTS["jpeg"](quality=np.int64(50)) == PARTS["jpeg"](quality=50)
    assert PARTS["ifgsm"](step_size=np.float32(0.5)) == PARTS["ifgsm"](step_size=0.5)
    assert PARTS["rate"](fps=5) == PARTS["rate"](fps=Fraction(5))


def test_a_part_of_a_package_is_checked_without_a_line_of_its_own() -> None:
    @dataclass(frozen=True)
    class Slower(Ifgsm):
        pause: int = 1

    @dataclass(frozen=True)
    class Wider(TemporalMean):
        border: float = 0.0

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.border < 0:
                raise ValueError("border")

    for make in (lambda: Slower(pause="long"), lambda: Wider(border="red"), lambda: Wider(window="3")):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="; use a"):
            make()
    with pytest.raises(ValueError, match="step_size is -1"):
        Slower(step_size=-1.0)  # the checks of the class above it hold, too


def test_optional_settings_take_none_and_their_own_type_alone() -> None:
    @dataclass(frozen=True)
    class Thing:
        limit: int | None = None
        mode: Literal["a", "b"] = "a"

    check_types(Thing())
    check_types(Thing(3))
    with pytest.raises(ValueError, match="limit is 'x'; use a whole number"):
        check_types(Thing("x"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mode is c; use a or b"):
        check_types(Thing(mode="c"))  # type: ignore[arg-type]
