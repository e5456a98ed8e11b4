"""What attacks, defenses, detectors and samplers have in common: tables of names, and settings that are checked."""

from lsap_common.arguments import check_first_argument, given_kind, require_kind, require_number, require_whole
from lsap_common.numbers import parse_epsilon, parse_fraction
from lsap_common.settings import LARGEST_SETTING, check_least, check_settings_when_made, check_types, kind_in_words
from lsap_common.tables import NamedParts, UnknownNameError, did_you_mean, unknown_name

__all__ = [
    "LARGEST_SETTING",
    "NamedParts",
    "UnknownNameError",
    "check_first_argument",
    "check_least",
    "check_settings_when_made",
    "check_types",
    "did_you_mean",
    "given_kind",
    "kind_in_words",
    "parse_epsilon",
    "parse_fraction",
    "require_kind",
    "require_number",
    "require_whole",
    "unknown_name",
]
