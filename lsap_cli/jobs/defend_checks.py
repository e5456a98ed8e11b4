"""What `defend` refuses when it has loaded the perturbation."""

from fractions import Fraction

from lsap_cli.errors import LsapError
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.results.manifest import PERTURBATION_COPY
from lsap_cli.specs import below_one_level
from perturbations import Budget, Perturbation, parse_epsilon


def epsilon_of(text: str) -> Fraction:
    """A value of --epsilons.

    Raises:
        LsapError: if it is no budget.
    """
    try:
        return parse_epsilon(text)
    except ValueError as error:
        raise LsapError(f"--epsilons: {error}") from None


def check_perturbation(settings: DefendSettings, perturbation: Perturbation | None) -> None:
    """Refuses options that the perturbation cannot serve."""
    if perturbation is not None and not perturbation.binding.fits_a_video:
        raise LsapError(
            f"{settings.perturbation} is bound to slots after sampling ({perturbation.binding}): no video can carry "
            "it, so there is nothing to defend; its own rates are in the run of lsap generate"
        )
    if settings.certify and perturbation is None:
        raise LsapError(f"--certify needs a budget, and {settings.perturbed} has no {PERTURBATION_COPY} that says one")
    for text in settings.epsilons:
        epsilon_of(text)
    if settings.learning and perturbation is None:
        raise LsapError(
            f"{settings.learning[0]} needs the perturbation whose budget attackers get; give --perturbation FILE"
        )
    if settings.learning and perturbation is not None and perturbation.binding.appended:
        raise LsapError(f"{settings.learning[0]} is for patterns that are added to frames, not for appended frames")


def level_warnings(settings: DefendSettings, perturbation: Perturbation | None) -> list[str]:
    """Warnings about budgets of which rounding leaves nothing: the perturbation's own, and those of --epsilons."""
    if perturbation is None:
        return []
    own = perturbation.budget
    texts = {own.epsilon_text: own} | {text: Budget(own.norm, epsilon_of(text)) for text in settings.epsilons}
    return [below_one_level(text) for text, budget in texts.items() if budget.is_below_one_level]
