"""The contracts of the parts that a package can add, as tests that it can run on its own parts.

A package's own test of its model:

    from lsap_cli.testing import check_classifier

    def test_my_model_keeps_the_contract() -> None:
        check_classifier(my_model())
"""

# ruff: noqa: E402
from lsap_cli.starting import refuse_an_import

refuse_an_import()  # before packages are imported that somebody else's may hide

from defenses.testing import check_defense, check_detector
from lsap_cli.classifiers.testing import check_classifier
from perturbations.testing import check_attack

__all__ = ["check_attack", "check_classifier", "check_defense", "check_detector"]
