from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import pytest

from defenses import DEFENSES, Chain
from defenses.compression import Jpeg
from defenses.detectors import DETECTORS
from defenses.detectors.squeezing import FeatureSqueezing
from defenses.randomized import RandomNoise
from defenses.spatial import Bilateral, BitDepth
from defenses.temporal import TemporalMedian
from lsap_cli.errors import LsapError
from lsap_cli.specs import build, build_defense, build_detector, describe
from lsap_cli.video.codecs import CODECS, H264Codec
from perturbations.attacks import ATTACKS
from perturbations.samplers import SAMPLERS, Dense, RateSampler, Uniform


@dataclass(frozen=True)
class Thing:
    name: ClassVar[str] = "thing"
    count: int = 3
    share: float = 0.5
    on: bool = True
    limit: int | None = None
    rate: Fraction = Fraction(1, 2)
    word: str = "fast"


THINGS: dict[str, type[Thing]] = {"thing": Thing}


def test_names_and_settings_become_objects() -> None:
    assert build("uniform", SAMPLERS, "sampler") == Uniform()
    assert build("dense:stride=4", SAMPLERS, "sampler") == Dense(4)
    assert build("rate:fps=30000/1001", SAMPLERS, "sampler") == RateSampler(Fraction(30000, 1001))
    assert build("h264:crf=23,preset=fast", CODECS, "codec") == H264Codec(23, "fast")
    assert build(" jpeg:quality=50 ", DEFENSES, "defense") == Jpeg(50)
    assert build("dense: stride = 4", SAMPLERS, "sampler") == Dense(4)


def test_every_kind_of_value_is_read_by_its_type() -> None:
    spec = "thing:count=-2,share=1e-3,on=false,limit=7,rate=0.03,word=slow"
    assert build(spec, THINGS, "thing") == Thing(-2, 1e-3, False, 7, Fraction(3, 100), "slow")


TABLES: dict[str, dict[str, type[Any]]] = {
    "samplers": {**SAMPLERS},
    "defenses": {**DEFENSES},
    "codecs": {**CODECS},
    "detectors": {**DETECTORS},
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_registered_thing_is_built_from_its_own_description(table: dict[str, type[object]]) -> None:
    for name, spec in zip(table, describe(table), strict=True):
        assert build(spec, table, "thing") == build(name, table, "thing") == table[name]()


def test_descriptions_show_the_default_settings() -> None:
    assert describe(SAMPLERS) == ["uniform", "segments", "dense:stride=2", "rate:fps=5", "random"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "the sampler '' is unknown; use one of: uniform, segments, dense:stride=2"),
        ("evenly", "the sampler 'evenly' is unknown"),
        ("Dense", "the sampler 'Dense' is unknown"),
        ("dense:4", "the sampler 'dense:4' has no setting '4'; write it as dense:stride=2"),
        ("dense:step=4", "has no setting 'step=4'"),
        ("dense:stride", "has no setting 'stride'"),
        ("dense:stride=4,", "has no setting ''"),
        ("dense:stride=two", "stride is 'two', which is not a whole number"),
        ("dense:stride=1.5", "stride is '1.5', which is not a whole number"),
        ("dense:stride=0", "stride is 0; use a whole number from 1"),
        ("rate:fps=1/0", "fps is '1/0', which is not a number"),
        ("rate:fps=0", "fps is 0; use a number above 0"),
        ("uniform:frames=3", "has no setting 'frames=3'; write it as uniform"),
    ],
)
def test_a_wrong_spec_is_said_with_what_would_work(spec: str, message: str) -> None:
    with pytest.raises(LsapError) as caught:
        build(spec, SAMPLERS, "sampler")
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "spec",
    [
        "jpeg:quality=75 + temporal-median:window=5",
        "  jpeg +  temporal-median:window=5  ",
        "jpeg\t+ temporal-median:window=5",
    ],
)
def test_defenses_with_a_plus_between_them_are_a_chain(spec: str) -> None:
    assert build_defense(spec) == Chain((Jpeg(75), TemporalMedian(5)))


def test_one_defense_is_no_chain_and_a_plus_inside_of_a_number_is_no_link() -> None:
    assert build_defense("jpeg:quality=50") == Jpeg(50)
    assert build_defense("random-noise:sigma=1e+0") == RandomNoise(1.0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("jpeg + ", "the defense '' is unknown; use one of"),
        ("jpeg + jpg", "the defense 'jpg' is unknown; use one of: temporal-mean:window=3"),
        ("jpeg + jpeg:quality=0", "the defense 'jpeg:quality=0': quality is 0"),
        ("jpeg + perturbation-subtraction", "must come first in a chain"),
        ("random-noise:seed=3", "has no setting 'seed=3'; write it as random-noise:sigma=0.04"),
    ],
)
def test_a_wrong_chain_is_said_with_its_part(spec: str, message: str) -> None:
    with pytest.raises(LsapError) as caught:
        build_defense(spec)
    assert message in str(caught.value)


def test_squeezers_stand_in_brackets() -> None:
    squeezers = (BitDepth(3), Bilateral(3, 1.5), Chain((Jpeg(50), TemporalMedian())))
    listed = "bit-depth:bits=3 | bilateral:window=3,sigma=1.5 | jpeg:quality=50 + temporal-median"
    spec = f"feature-squeezing:squeezers=[{listed}]"
    assert build_detector(spec) == FeatureSqueezing(squeezers)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("feature-squeezing:squeezers=jpeg", "squeezers is 'jpeg', which is not a list of defenses such as [bit-depth"),
        ("feature-squeezing:squeezers=[]", "which is not a list of defenses"),
        ("feature-squeezing:squeezers=[jpg]", "the defense 'jpg' is unknown"),
        (
            "feature-squeezing:squeezers=[perturbation-subtraction]",
            "one that is fitted on a set of videos cannot be used",
        ),
        ("squeezing", "the detector 'squeezing' is unknown; use one of: temporal-consistency:windows=16,stride=2"),
        ("corpus-residual:videos=2", "videos is 2; it must be a whole number from 3 to 1000"),
    ],
)
def test_a_wrong_detector_is_said_with_what_would_work(spec: str, message: str) -> None:
    with pytest.raises(LsapError) as caught:
        build_detector(spec)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["True", "1", "yes", ""])
def test_a_truth_is_written_true_or_false(value: str) -> None:
    with pytest.raises(LsapError, match=f"on is '{value}', which is not true or false"):
        build(f"thing:on={value}", THINGS, "thing")


def test_a_setting_can_be_written_by_the_name_that_it_had_in_earlier_versions() -> None:
    assert build("lsap:together=0.3", ATTACKS, "attack") == build("lsap:shared_class=0.3", ATTACKS, "attack")
    with pytest.raises(LsapError, match="gives shared_class twice"):
        build("lsap:together=0.3,shared_class=0.4", ATTACKS, "attack")


def test_a_setting_that_is_given_twice_is_refused() -> None:
    with pytest.raises(LsapError, match="stride"):
        build("dense:stride=2,stride=4", SAMPLERS, "sampler")
