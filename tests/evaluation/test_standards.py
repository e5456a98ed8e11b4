import pytest

from lsap_cli.evaluation.standards import identifiers
from lsap_cli.reports.grids import identifiers_grid
from lsap_cli.results.documents import DefendResults, Identifiers, Requirements

NOTHING = {"defended": False, "detected": False, "adaptive": False, "labeled": False, "corrupted": False}


def ids(requirements: Requirements | None) -> list[str]:
    assert requirements is not None
    return [one.id for one in requirements.requirements]


def of_run(*measured: str) -> Identifiers:
    return identifiers(**NOTHING | dict.fromkeys(measured, True))


@pytest.mark.parametrize(
    ("measured", "aisvs", "act"),
    [
        ((), ["v1.0-C11.1.3"], ["Article 15(5)"]),
        (("defended",), ["v1.0-C11.1.3", "v1.0-C11.1.4"], ["Article 15(5)"]),
        (("detected",), ["v1.0-C11.1.3", "v1.0-C2.2.3", "v1.0-C11.4.1"], ["Article 15(5)"]),
        (("labeled", "corrupted"), ["v1.0-C11.1.3"], ["Article 15(3)", "Article 15(4)", "Article 15(5)"]),
    ],
)
def test_requirements_follow_from_what_was_measured(
    measured: tuple[str, ...], aisvs: list[str], act: list[str]
) -> None:
    found = of_run(*measured)
    assert ids(found.aisvs) == aisvs
    assert ids(found.eu_ai_act) == act


def test_the_table_names_each_document_with_its_edition() -> None:
    grid = identifiers_grid(DefendResults(rows=(), identifiers=of_run("defended", "labeled")))
    assert {line[0] for line in grid.lines} == {
        "MITRE ATLAS 5.6.0", "NIST AI 100-2 E2025", "OWASP AISVS 1.0 (2026)",
        "Regulation (EU) 2024/1689 of 13 June 2024",
    }  # fmt: skip
    assert (
        "OWASP AISVS 1.0 (2026)",
        "requirement",
        "v1.0-C11.1.4",
        "hardening against adversarial inputs",
    ) in grid.lines


def test_results_of_version_0_1_have_no_requirements_and_a_table_all_the_same() -> None:
    old = of_run()
    kept = Identifiers(atlas=old.atlas, nist=old.nist)
    grid = identifiers_grid(DefendResults(rows=(), identifiers=kept))
    assert {line[0] for line in grid.lines} == {"MITRE ATLAS 5.6.0", "NIST AI 100-2 E2025"}
