"""Tables of names: unknown names are answered with those that exist."""

import pytest

from defenses import DEFENSES, DETECTORS
from defenses.certify import SMOOTHINGS
from lsap_cli import plugins
from lsap_common import NamedParts, UnknownNameError, unknown_name
from perturbations import ATTACKS, CONTROLS, SAMPLERS


@pytest.mark.parametrize(
    ("table", "name", "sentence"),
    [
        (ATTACKS, "lsp", "the attack 'lsp' is unknown; use one of: lsap, uap, "),
        (SAMPLERS, "uniformly", "the sampler 'uniformly' is unknown; use one of: uniform, segments, "),
        (CONTROLS, "noises", "the control 'noises' is unknown; use one of: noise, pixel-permuted, "),
        (DEFENSES, "jpg", "the defense 'jpg' is unknown; use one of: temporal-mean, "),
        (DETECTORS, "squeezing", "the detector 'squeezing' is unknown; use one of: temporal-consistency, "),
        (SMOOTHINGS, "pixel", "the smoothing 'pixel' is unknown; use one of: pixels, flicker"),
        (plugins.ATTACKS, "lsp", "the attack 'lsp' is unknown; use one of: lsap, uap, "),
    ],
    ids=["attacks", "samplers", "controls", "defenses", "detectors", "smoothings", "with those of packages"],
)
def test_an_unknown_name_is_answered_with_the_names_that_exist(
    table: NamedParts[object], name: str, sentence: str
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        table[name]
    assert str(caught.value).startswith(sentence)
    assert isinstance(caught.value, KeyError)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("lsp", "lsap"), ("LSAP", "lsap"), ("gd_uap", "gd-uap"), ("Flicker:rate=1", "flicker"), ("zzz", None), (7, None)],
)
def test_the_nearest_name_is_proposed_where_there_is_one(name: object, nearest: str | None) -> None:
    sentence = unknown_name("attack", name, ATTACKS)
    assert sentence.endswith(f"Did you mean {nearest}?") if nearest else "mean" not in sentence


def test_a_table_is_a_dict_of_what_it_was_given() -> None:
    table = NamedParts("thing", {"one": 1})
    assert table == {"one": 1}
    assert table.get("two") is None
