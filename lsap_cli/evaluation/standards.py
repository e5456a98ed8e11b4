"""Identifiers of catalogs, standards and law for what a run does, so that a result can be filed."""

from lsap_cli.results.documents import AtlasIdentifiers, Identifier, Identifiers, NistIdentifiers, Requirements
from lsap_cli.results.ladders import RungIdentifiers

ATLAS = "MITRE ATLAS 5.6.0"
NIST = "NIST AI 100-2 E2025"
AISVS = "OWASP AISVS 1.0 (2026)"
AI_ACT = "Regulation (EU) 2024/1689 of 13 June 2024"

EVADE = Identifier(id="AML.T0015", name="Evade AI Model")
VERIFY = Identifier(id="AML.T0042", name="Verify Attack")
WHITE_BOX = Identifier(id="AML.T0043.000", name="Craft Adversarial Data: White-Box Optimization")
BLACK_BOX = Identifier(id="AML.T0043.001", name="Craft Adversarial Data: Black-Box Optimization")
TRANSFER = Identifier(id="AML.T0043.002", name="Craft Adversarial Data: Black-Box Transfer")
EVASION = Identifier(id="NISTAML.022", name="Evasion")
BLACK_BOX_EVASION = Identifier(id="NISTAML.025", name="Black-box Evasion")
RESTORATION = Identifier(id="AML.M0010", name="Input Restoration")
DETECTION = Identifier(id="AML.M0015", name="Adversarial Input Detection")

# The names are summaries: AISVS has sentences in place of titles, the regulation has paragraphs.
KNOWN_ATTACKS = Identifier(id="v1.0-C11.1.3", name="evaluation against known adversarial attacks of the modality")
HARDENED = Identifier(id="v1.0-C11.1.4", name="hardening against adversarial inputs")
SCREENED = Identifier(id="v1.0-C2.2.3", name="non-text inputs checked for adversarial perturbations")
ANOMALIES = Identifier(id="v1.0-C11.4.1", name="anomaly detection before inference")
ACCURACY = Identifier(id="Article 15(3)", name="levels of accuracy and accuracy metrics to be declared")
FAULTS = Identifier(id="Article 15(4)", name="robustness: resilience regarding errors, faults or inconsistencies")
ADVERSARIAL = Identifier(id="Article 15(5)", name="cybersecurity: adversarial examples or model evasion")


def technique(rung: str) -> RungIdentifiers:
    """The technique and the class of attack of a rung of the ladder."""
    atlas, nist = {"A0": (TRANSFER, EVASION), "A5": (BLACK_BOX, BLACK_BOX_EVASION)}.get(rung, (WHITE_BOX, EVASION))
    return RungIdentifiers(atlas=atlas.id, nist=nist.id)


def identifiers(*, defended: bool, detected: bool, adaptive: bool, labeled: bool, corrupted: bool) -> Identifiers:
    """Of a whole run.

    Args:
        defended: whether defenses were measured.
        detected: whether detectors were.
        adaptive: whether attackers learned in this run.
        labeled: whether videos have labels, so that accuracy was measured.
        corrupted: whether natural corruptions were measured.
    """
    techniques = (EVADE, VERIFY, WHITE_BOX) + ((BLACK_BOX,) if adaptive else ())
    mitigations = ((RESTORATION,) if defended else ()) + ((DETECTION,) if detected else ())
    screening = (SCREENED, ANOMALIES) if detected else ()
    return Identifiers(
        atlas=AtlasIdentifiers(version=ATLAS, techniques=techniques, mitigations=mitigations),
        nist=NistIdentifiers(
            version=NIST,
            attacks=(EVASION, BLACK_BOX_EVASION) if adaptive else (EVASION,),
            stage="deployment",
            goal="integrity violation (NISTAML.02)",
            knowledge="white-box: the model" + (", then also its defenses" if adaptive else ""),
            capability="testing-data control",
        ),
        aisvs=Requirements(version=AISVS, requirements=(KNOWN_ATTACKS, *((HARDENED,) if defended else ()), *screening)),
        eu_ai_act=Requirements(
            version=AI_ACT,
            requirements=(*((ACCURACY,) if labeled else ()), *((FAULTS,) if corrupted else ()), ADVERSARIAL),
        ),
    )
