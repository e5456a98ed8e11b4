"""`lsap demo`: its command line."""

from dataclasses import asdict
from typing import Annotated

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.checking import end_of_checks
from lsap_cli.commands.dashboard import run_in_dashboard
from lsap_cli.commands.options import (
    Device,
    Json,
    OpenDashboard,
    OpenReport,
    Quiet,
    RunFolder,
    Seed,
    check_run_folder,
    print_json,
    running,
    show_report,
)


def command(
    context: typer.Context,
    epsilon: Annotated[
        str, typer.Option("--epsilon", "-e", callback=arguments.epsilon, help="the budget in pixel units of [0, 1]")
    ] = "8/255",
    time_budget: Annotated[
        str,
        typer.Option(
            "--time-budget",
            "-t",
            callback=arguments.duration_check("--time-budget"),
            help="for the command's start and its learning",
        ),
    ] = "75s",
    device: Device = "auto",
    seed: Seed = 0,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    open_report: OpenReport = False,
    dashboard: OpenDashboard = False,
) -> None:
    """See the whole way in three minutes: synthetic videos, a small model, a perturbation, defenses, a report.

    Example: lsap demo --run my-first-run
    """
    if dashboard and run_in_dashboard(context, run, as_json, quiet):
        return
    learning = arguments.seconds(time_budget, "--time-budget") or 0.0
    check_run_folder(False, run)
    end_of_checks()

    from lsap_cli.jobs.demo import DemoSettings, demo, places
    from lsap_cli.reports.html import write_report
    from lsap_cli.reports.tables import results_table
    from lsap_cli.results.summary import summary_sentence

    settings = DemoSettings(epsilon, learning, device, seed)
    with running("demo", run, asdict(settings), quiet) as (work, screen):
        screen.say(
            f"follow it: lsap dashboard {work.folder}   (in another terminal; or begin with lsap demo --dashboard)"
        )
        results = demo(settings, work, screen.show)
        report = write_report(work.folder / "defend")
    screen.result(results_table(results), summary_sentence(results), as_json=as_json)
    for name, path in places(work.folder):
        screen.place(f"{name:20} ", path)
    screen.say(f"{'look at it':20} lsap dashboard {work.folder}")
    show_report(report, open_report)
    screen.say("next: lsap generate YOUR_VIDEOS --model YOUR_MODEL.toml --out r.safetensors   (docs/model-card.md)")
    if as_json:
        print_json(results)
