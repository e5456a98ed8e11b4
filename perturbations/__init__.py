"""The attack side of lsap: universal, sampling-agnostic perturbations for video classifiers.

Tensors in, tensors out. Nothing here reads a video file, draws a screen or starts a process.
"""

from perturbations.bindings import Binding, parse_binding
from perturbations.budgets import Budget, parse_epsilon
from perturbations.perturbation import Perturbation

__all__ = ["Binding", "Budget", "Perturbation", "parse_binding", "parse_epsilon"]
