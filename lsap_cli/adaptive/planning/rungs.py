"""One rung of a planned ladder."""

from dataclasses import dataclass
from typing import Literal

from lsap_cli.adaptive.planning.attackers import Attacker

Role = Literal["transfer", "iterative", "expectation", "search", "single-step", "doubled"]


@dataclass(frozen=True)
class PlannedRung:
    """One attack of a ladder.

    Attributes:
        rung: A0 to A5.
        attack: its name in the rows.
        attacker: None where the perturbation exists before the run.
        role: what the checks compare it as.
    """

    rung: str
    attack: str
    attacker: Attacker | None = None
    role: Role = "iterative"


def learned_rung(rung: str, attacker: Attacker, role: Role = "iterative") -> PlannedRung:
    """The rung of an attacker that learns in the run."""
    return PlannedRung(rung, attacker.name, attacker, role)


def transfer_rung(attack: str) -> PlannedRung:
    """A0: an attack that was learned without knowledge of the defense or detector."""
    return PlannedRung("A0", attack, role="transfer")
