"""Every attack on one model: what it fools of videos that it has not seen, and how long it takes.

    python benchmarks/attack_table.py --model model.toml --videos fit/ --test test/ --steps 120 [--seeds 2]

All attacks learn from the same videos, decoded once, for the same number of steps (`--most-seconds` ends slow ones
early), through the same samplers, and are judged together on the test videos at their own size, in whole levels, as
`lsap defend --perturbation` judges. Rows hold counts, so that intervals can be made of them; clips of one video under
several samplers are not independent, so the interval is that of the number of videos."""

import argparse
import json
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol
from lsap_cli.evaluation.verification import make_verification, verify_perturbations
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.learning_loop import LearningLog, load_or_start_state, run_learning
from lsap_cli.learning.network_problems import batch_settings, variant_problem
from lsap_cli.learning.problems import clean_predictions
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.schedule import Schedule
from lsap_cli.learning.settings import HELD_OUT_SAMPLERS, GenerateSettings
from lsap_cli.learning.task import make_learning_task
from lsap_cli.learning.training_videos import load_training_videos
from lsap_cli.learning.variants import LearningRun, LearningVariant
from lsap_cli.results.rates import rate_of
from lsap_cli.runs import Run
from lsap_cli.runs.memory import keep_memory
from lsap_cli.specs import build_samplers
from perturbations import Perturbation, parse_binding
from perturbations.attacks import ATTACKS

VARIANTS = [
    *(f"lsap:update={name}" for name in ("apg", "pgd", "sgd", "adam")),
    "lsap:coherence=keep",
    "lsap:coherence=break",
    "lsap:update=apg,coherence=keep",
    "lsap:shared_class=0",
    "lsap:excite=0",
    "lsap:loosen=1",
    "lsap:excite=0,loosen=1",
]


def main() -> None:
    options = arguments()
    keep_memory()
    specs = options.attack or [name for name in ATTACKS if name != "append"] + VARIANTS
    rows = []
    for norm, epsilon in (text.split(":") for text in options.budget):
        rows += one_budget(options, specs, norm, epsilon)
        result = {
            "command": "benchmarks/attack_table.py", "steps": options.steps, "most_seconds": options.most_seconds,
            "threads": torch.get_num_threads(), "torch": torch.__version__, "platform": platform.platform(),
            "target": options.target, "rows": rows,
        }  # fmt: skip
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--videos", required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--attack", action="append")
    parser.add_argument("--budget", action="append", default=None, help="norm:epsilon, such as linf:8/255")
    parser.add_argument("--target")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--most-seconds", type=float, default=180)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.budget = options.budget or ["linf:8/255"]
    return options


def one_budget(options: argparse.Namespace, specs: list[str], norm: str, epsilon: str) -> list[dict[str, object]]:
    settings = GenerateSettings(
        videos=options.videos, model=options.model, out="", norm=norm, epsilon=epsilon, target=options.target,
        batch=options.batch,
    )  # fmt: skip
    folder = options.run / f"{norm}-{epsilon.replace('/', '-')}"
    learned: dict[str, Perturbation] = {}
    facts: dict[str, dict[str, Any]] = {}
    with Run(folder, "benchmark", vars(settings), [], resume=True) as run:
        task = make_learning_task(settings, run)
        with FrameStore(task.classifier.geometry.shrink, 2**31, 2) as store:
            videos = load_training_videos(store, task, settings, float("inf"), [], run)
            clean = clean_predictions(task.classifier, videos.fit, settings.seed, settings.batch)
            for spec in specs:
                attack = make_learning_task(replace(settings, attack=spec), run).attack
                for seed in range(options.seeds):
                    changed = replace(task, attack=attack, binding=parse_binding(attack.binding))
                    learning = LearningRun(settings, changed, videos, ProcessGroup(), run, resume=False, clean=clean)
                    variant = LearningVariant(spec, seed, task.fitted)
                    start = time.monotonic()
                    with BatchSource(batch_settings(learning, variant)) as source:
                        problem = variant_problem(learning, source)
                        state = load_or_start_state(folder / "none", problem.shape, resume=False)
                        schedule = Schedule(options.steps, options.most_seconds)
                        log = LearningLog(run, folder / "state.safetensors")
                        run_learning(problem, attack, state, schedule, None, log)
                    name = f"{spec} seed {seed}"
                    learned[name] = Perturbation(state.delta, changed.binding, task.budget)
                    facts[name] = {
                        "attack": spec, "seed": seed, "norm": norm, "epsilon": epsilon,
                        "binding": str(changed.binding), "steps": state.steps,
                        "seconds": round(time.monotonic() - start, 1),
                    }  # fmt: skip
                    print(facts[name], flush=True)
        test = list_videos(options.test, task.classifier.labels).videos
        samplers = build_samplers(("segments", *HELD_OUT_SAMPLERS))
        protocol = EvaluationProtocol(task.classifier, samplers, 1, 0, task.device, options.batch)
        records, _ = verify_perturbations(Evaluation(protocol, run, []), learned, {}, test, ["noise"])
        judged = make_verification(records, task.target, None)
    key = "fooling_rate" if options.target is None else "success_rate"
    made = []
    for name, about in {"noise": {"attack": "noise", "norm": norm, "epsilon": epsilon}, **facts}.items():
        rates = {row.sampler: getattr(row, key) for row in judged.rows if row.attack == name}
        count, of = sum(one.count for one in rates.values()), sum(one.of for one in rates.values())
        mean = rate_of(round(count / len(rates)), of // len(rates))
        made.append(
            about
            | {
                key: count / of,
                "videos": judged.videos,
                "interval": mean and [mean.low, mean.high],
                "by_sampler": {spec: [one.count, one.of] for spec, one in rates.items()},
            }
        )
        print(made[-1], flush=True)
    return made


if __name__ == "__main__":
    main()
