from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.spread import SamplerRange


def rate(count: int) -> Rate:
    made = rate_of(count, 13)
    assert made is not None
    return made


def test_samplers_stand_beside_each_other_and_are_never_added_up() -> None:
    found = SamplerRange.of_rates({"uniform": rate(6), "random": None, "rate:fps=5": rate(9), "segments": rate(4)})
    assert found == SamplerRange(worst="segments", lowest=rate(4), best="rate:fps=5", highest=rate(9))
    assert str(found) == "0.31 (0.13–0.58) with segments to 0.69 (0.42–0.87) with rate:fps=5"


def test_one_sampler_has_one_rate_and_no_rate_has_no_range() -> None:
    assert str(SamplerRange.of_rates({"uniform": rate(6)})) == "0.46 (0.23–0.71) with uniform"
    assert SamplerRange.of_rates({"uniform": None}) is None
