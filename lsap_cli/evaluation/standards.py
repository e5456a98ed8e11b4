"""Identifiers of MITRE ATLAS and NIST AI 100-2 for what a run does, so that a result can be filed."""

from lsap_cli.results.documents import AtlasIdentifiers, Identifier, Identifiers, NistIdentifiers
from lsap_cli.results.ladders import RungIdentifiers

ATLAS = "MITRE ATLAS 5.6.0"
NIST = "NIST AI 100-2 E2025"

EVADE = Identifier(id="AML.T0015", name="Evade AI Model")
VERIFY = Identifier(id="AML.T0042", name="Verify Attack")
WHITE_BOX = Identifier(id="AML.T0043.000", name="Craft Adversarial Data: White-Box Optimization")
BLACK_BOX = Identifier(id="AML.T0043.001", name="Craft Adversarial Data: Black-Box Optimization")
TRANSFER = Identifier(id="AML.T0043.002", name="Craft Adversarial Data: Black-Box Transfer")
EVASION = Identifier(id="NISTAML.022", name="Evasion")
BLACK_BOX_EVASION = Identifier(id="NISTAML.025", name="Black-box Evasion")
RESTORATION = Identifier(id="AML.M0010", name="Input Restoration")
DETECTION = Identifier(id="AML.M0015", name="Adversarial Input Detection")


def technique(rung: str) -> RungIdentifiers:
    """The technique and the class of attack of a rung of the ladder."""
    atlas, nist = {"A0": (TRANSFER, EVASION), "A5": (BLACK_BOX, BLACK_BOX_EVASION)}.get(rung, (WHITE_BOX, EVASION))
    return RungIdentifiers(atlas=atlas.id, nist=nist.id)


def identifiers(defended: bool, detected: bool, adaptive: bool) -> Identifiers:
    """Of a whole run.

    Args:
        defended: whether defenses were measured.
        detected: whether detectors were.
        adaptive: whether attackers learned in this run.
    """
    techniques = (EVADE, VERIFY, WHITE_BOX) + ((BLACK_BOX,) if adaptive else ())
    mitigations = ((RESTORATION,) if defended else ()) + ((DETECTION,) if detected else ())
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
    )
