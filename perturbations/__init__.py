"""The attack side of lsap: universal, sampling-agnostic perturbations for video classifiers, as a library.

    network = TorchNetwork(module.eval())                       # any nn.Module (B, T, 3, H, W) in [0, 1] -> logits
    perturbation = learn_perturbation(clips, network, "lsap", Budget.parse("linf", "8/255"), steps=300, seed=0)
    perturbation.save(Path("r.safetensors"))
    perturbed = Perturbation.load(Path("r.safetensors")).add(video)
    fooled = count_fooled(network, test_clips, perturbation)

Tensors in, tensors out. Nothing here reads a video file, draws a screen or starts a process.
"""

from lsap_common import parse_epsilon
from perturbations.attacks import ATTACKS, Attack
from perturbations.bindings import Binding, parse_binding
from perturbations.budgets import Budget
from perturbations.controls import CONTROLS, noise_like
from perturbations.in_memory import FooledClips, clips_problem, count_fooled, learn_perturbation
from perturbations.network import Network, NetworkOutput
from perturbations.objectives import Discriminative, Objective, Targeted, Untargeted
from perturbations.perturbation import Perturbation
from perturbations.problem import Batch, Problem
from perturbations.samplers import SAMPLERS, Sampler
from perturbations.state import State, Step
from perturbations.wrapping import TorchNetwork

__all__ = [
    "ATTACKS",
    "CONTROLS",
    "SAMPLERS",
    "Attack",
    "Batch",
    "Binding",
    "Budget",
    "Discriminative",
    "FooledClips",
    "Network",
    "NetworkOutput",
    "Objective",
    "Perturbation",
    "Problem",
    "Sampler",
    "State",
    "Step",
    "Targeted",
    "TorchNetwork",
    "Untargeted",
    "clips_problem",
    "count_fooled",
    "learn_perturbation",
    "noise_like",
    "parse_binding",
    "parse_epsilon",
]
