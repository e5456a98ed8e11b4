"""A run's results for the terminal: one table that fits 80 columns, and the sentence that sums it up."""

from collections import Counter
from collections.abc import Callable

from rich import box
from rich.table import Table
from rich.text import Text

from lsap_cli.reports.grids import efforts
from lsap_cli.results.base import UnsetType
from lsap_cli.results.documents import DefendResults, ModelCheckResults
from lsap_cli.results.estimates import EstimateResults
from lsap_cli.results.ladders import attacker_name, pair_name
from lsap_cli.results.printable_result import printable_result
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NO_DEFENSE_NAME, NOISE
from lsap_cli.results.rows import Row, Rows, TwoClassRates
from lsap_cli.results.summary import RowResults
from lsap_cli.results.text import printable
from lsap_cli.results.training import TrainResults

MOST_CLASSES = 20  # whose accuracy is shown one by one


def format_rate(rate: Rate | None) -> str:
    """A rate as it is written everywhere: `0.83 (10/12, 0.55–0.95)`, or a dash where it does not apply."""
    return str(rate or "–")


def accuracy_figures(
    top1: Rate | None, top5: Rate | None, two_class: TwoClassRates | UnsetType
) -> list[tuple[str, str]]:
    """What a network is right on, by name: top-1, and top-5 or the figures of two classes where they say something."""
    figures = [("top-1", format_rate(top1))]
    if top5 is not None:
        figures.append(("top-5", format_rate(top5)))
    if isinstance(two_class, TwoClassRates):
        auc = two_class.auc
        figures += [
            ("AUC", "–" if auc is None else f"{auc.value:.2f} ({auc.interval})"),
            ("false negatives", f"{format_rate(two_class.false_negatives)} at {two_class.threshold:g}"),
            ("false positives", f"{format_rate(two_class.false_positives)} at {two_class.threshold:g}"),
        ]
    return figures


def results_table(results: RowResults) -> Table:
    """A block for each sampler (and perturbation), a line for each defense, rates with counts and intervals.

    Args:
        results: of `defend` or `generate`.
    """
    rows = Rows.of_every_defense(printable_result(results).rows)
    columns = _columns(rows)
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        title=Text(_title(rows), style="bold"),
        title_justify="left",
        caption=Text("In each cell: rate, count, 95 % Wilson interval.", style="dim"),
        caption_justify="left",
    )
    names = [defense.partition(":")[0] for defense in rows.defenses] + rows.samplers
    longest = max((len(name) for name in names), default=0)
    table.add_column("defense", min_width=min(18, max(longest, len(NO_DEFENSE_NAME))), overflow="fold")
    for heading, _, _ in columns:
        table.add_column(heading, justify="right", min_width=9)
    wide = len(columns) > 5 or any(row.videos > 99 for row in rows.rows)
    for sampler in rows.samplers:
        for perturbation in rows.perturbations or [NO_ATTACK]:
            _add_block(table, rows, columns, sampler, perturbation, "\n" if wide else " ")
    return table


# heading, attack (None: the perturbation of the block), rate
_Column = tuple[str, str | None, Callable[[Row], Rate | None]]


def _columns(rows: Rows) -> list[_Column]:
    attacks: list[tuple[str, str | None]] = [(NO_ATTACK, NO_ATTACK), (NOISE, NOISE)]
    attacks = [(name, attack) for name, attack in attacks if attack in rows.attacks]
    if rows.perturbations:
        attacks.append(("perturbed", None))
    columns: list[_Column] = []
    if rows.labelled:
        headings = {NO_ATTACK: "clean"}
        columns += [(f"accuracy\n{headings.get(n, n)}", a, lambda row: row.accuracy) for n, a in attacks]
    fooling = attacks if not rows.labelled else attacks[1:]
    if rows.targeted:
        fooling = [(name, attack) for name, attack in fooling if attack is None]
    headings = {NO_ATTACK: "no attack"}
    columns += [(f"fooling\n{headings.get(n, n)}", a, lambda row: row.fooling_rate) for n, a in fooling]
    if rows.targeted:
        columns += [(f"success\n{n}", a, lambda row: row.success_rate) for n, a in attacks[1:]]
    return columns


def _title(rows: Rows) -> str:
    samplers, perturbations = rows.samplers, rows.perturbations
    model = next((f"model {row.model}: " for row in rows.rows if row.model), "")
    if len(samplers) != 1 or len(perturbations) > 1:
        return f"{model}results"
    return f"{model}sampler {samplers[0]}"


def _add_block(table: Table, rows: Rows, columns: list[_Column], sampler: str, perturbation: str, gap: str) -> None:
    several = len(rows.samplers) > 1 or len(rows.perturbations) > 1
    if several:
        heading = Text(f"sampler {sampler}", style="bold")
        if len(rows.perturbations) > 1:
            heading.append(f"\n{perturbation}")
        table.add_section()
        table.add_row(heading)
    for defense in rows.defenses:
        pairs = [(rows.find(attack or perturbation, defense, sampler), rate) for _, attack, rate in columns]
        if any(row for row, _ in pairs):
            cells = [_cell(rate(row) if row else None, gap) for row, rate in pairs]
            table.add_row(_defense_cell(defense), *cells)


def _defense_cell(defense: str) -> Text:
    """The defense's name, its settings below it: as tall as a rate, and narrow."""
    if defense == NO_DEFENSE:
        return Text(NO_DEFENSE_NAME)
    name, _, settings = defense.partition(":")
    return Text.assemble(name, "\n", (settings, "dim"))


def _cell(rate: Rate | None, gap: str) -> Text:
    if rate is None:
        return Text("–", style="dim")
    return Text.assemble((f"{rate.value:.2f}", "bold"), f"{gap}{rate.count}/{rate.of}\n", (rate.interval, "dim"))


def two_class_table(results: DefendResults) -> Table | None:
    """AUC and both kinds of errors with the first sampler; None for networks of more than two classes.

    Args:
        results: of `defend`.
    """
    found = [(row, row.two_class) for row in printable_result(results).rows if isinstance(row.two_class, TwoClassRates)]
    if not found:
        return None
    first = found[0][0].sampler
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    figures = found[0][1]
    positive = f", positive: {figures.positive}" if figures.positive else ""
    table.title = Text(f"two classes{positive}, threshold {figures.threshold:g}", style="bold")
    for heading in ("attack", "defense", "AUC", "false negatives", "false positives"):
        table.add_column(heading, overflow="fold")
    for row, figures in found:
        if row.sampler == first:
            auc = "–" if figures.auc is None else f"{figures.auc.value:.2f}\n{figures.auc.interval}"
            errors = (_cell(one, " ") for one in (figures.false_negatives, figures.false_positives))
            table.add_row(row.attack, _defense_cell(row.defense), auc, *errors)
    return table


def ladder_table(results: DefendResults) -> Table | None:
    """Each defense's worst attacker, with the first sampler; None without a ladder.

    Args:
        results: of `defend` or `generate`.
    """
    if not results.ladder:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    table.title = Text("against attackers that know the defense", style="bold")
    for heading in ("defense", "clean", "worst", "net fooling", "by", "P (bound)"):
        table.add_column(heading, overflow="fold")
    for ladder in printable_result(results).ladder:
        for worst in ladder.robust[:1]:
            table.add_row(
                _defense_cell(ladder.defense),
                _cell(worst.clean_accuracy, " "),
                _cell(worst.accuracy or worst.fooling_rate, " "),
                f"{worst.net_fooling_rate.value:.2f}" if worst.net_fooling_rate else "–",
                attacker_name(worst.rung, worst.attack, ladder.defense),
                next((_cell(one.accuracy or one.fooling_rate, " ") for one in ladder.per_video[:1]), "–"),
            )
    return table


def attackers_table(results: DefendResults) -> Table | None:
    """What each attacker spent and why it stopped; None where none learned.

    Args:
        results: of `defend`.
    """
    found = efforts(printable_result(results))
    if not found:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    table.title = Text("what the attackers spent", style="bold")
    for heading in ("against", "attacker", "steps", "seconds", "won", "stopped", "judged"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("steps", "seconds") else "left")
    before = ""
    for about, _, attack, effort in found:
        won = "–" if effort.verified is None else f"{effort.verified.count} of {effort.verified.of}"
        table.add_row(
            "" if about == before else _defense_cell(about),
            attack.partition(" (")[0],
            str(effort.steps),
            f"{effort.seconds:.0f}",
            won,
            effort.stopped.replace("-", " "),
            "yes" if effort.judged else "no",
        )
        before = about
    return table


def estimate_table(estimate: EstimateResults) -> Table:
    """What the attackers of a run will take.

    Args:
        estimate: from timed steps.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    limit = "at most" if estimate.at_most else "about"
    table.title = Text(f"--ladder {estimate.ladder}: {limit}; judging is not in it", style="bold")
    for heading in ("attackers of", "attackers", "steps", "seconds"):
        table.add_column(heading, overflow="fold", justify="left" if heading == "attackers of" else "right")
    for one in printable_result(estimate).races:
        table.add_row(one.about, str(one.attackers), str(one.steps), f"{one.seconds:.0f}")
    table.add_section()
    table.add_row("all", str(estimate.attackers), str(estimate.steps), f"{estimate.seconds:.0f}")
    if estimate.per_video is not None:
        own = estimate.per_video
        about = f"P, at most: {own.videos} videos, {own.defenses} defenses"
        table.add_row(about, "", str(own.steps), f"{own.seconds:.0f}")
    if estimate.time_budget is not None:
        table.add_row("--time-budget", "", "", f"{estimate.time_budget:.0f}")
    return table


def detector_ladder_table(results: DefendResults) -> Table | None:
    """Each detector's worst attacker; None where no attacker knew one.

    Args:
        results: of `defend` or `generate`.
    """
    shown = printable_result(results)
    pairs = [(pair_name(one), worst) for one in (*shown.detector_ladder, *shown.pair_ladder) for worst in one.robust]
    if not pairs:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    table.title = Text("detectors against attackers that know them", style="bold")
    for heading in ("detector", "false alarms", "changed", "flagged", "holds", "by"):
        table.add_column(heading, overflow="fold")
    for spec, worst in pairs:
        rates = (worst.false_alarms, worst.fooling_rate, worst.flagged_rate, worst.robust_rate)
        by = worst.attack.partition(" (")[0]
        table.add_row(_defense_cell(spec), *(_cell(rate, " ") for rate in rates), by)
    return table


def check_lines(results: DefendResults) -> list[str]:
    """The checks as lines: each warning in full, then all that passed in one line, counted by their names."""
    checks = printable_result(results).checks
    warnings = [f"{one.status}  {one.defense}: {one.name}: {one.figure}" for one in checks if one.status == "WARN"]
    passed = Counter(one.name for one in checks if one.status == "PASS")
    if not passed:
        return warnings
    names = ", ".join(name if count == 1 else f"{name} ({count})" for name, count in passed.items())
    return [*warnings, f"PASS  {passed.total()} of {len(checks)} checks: {names}"]


def check_table(document: ModelCheckResults) -> Table:
    """The findings of `lsap models check`, and the accuracy where it was measured.

    Args:
        document: as the check wrote it.
    """
    colors = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}
    table = Table(
        box=None,
        show_header=False,
        padding=(0, 2, 0, 0),
        title=Text(document.model, style="bold"),
        title_justify="left",
    )
    for one in document.findings:
        table.add_row(Text(one.verdict, style=colors[one.verdict]), one.test, Text(one.figure))
    if not isinstance(document.accuracy, UnsetType):
        accuracy = document.accuracy
        for name, figure in accuracy_figures(accuracy.top1, accuracy.top5, accuracy.two_class):
            table.add_row("", name, figure)
        table.add_row("", "protocol", document.accuracy.protocol)
    return table


def train_table(results: TrainResults) -> Table:
    """What `lsap train` made: accuracy with both intervals, beside the most frequent class, and each class.

    Args:
        results: as the run wrote them.
    """
    table = Table(
        box=None,
        show_header=False,
        padding=(0, 2, 0, 0),
        title=Text(printable(f"{results.family} {results.backbone or ''}"), style="bold"),
        title_justify="left",
    )
    held_out, fit, by_recording = results.held_out, results.fit, results.accuracy_by_recording
    for name, figure in accuracy_figures(results.accuracy, None, results.two_class):
        table.add_row(name, Text(figure))
    if by_recording is not None:
        table.add_row("by recording", f"{by_recording.value:.2f} ({by_recording.interval}, bootstrap over recordings)")
    table.add_row("most frequent class", format_rate(results.most_frequent_class))
    table.add_row("held out", f"{held_out.videos} videos of {held_out.recordings} recordings")
    table.add_row("learned from", f"{fit.videos} videos of {fit.recordings} recordings")
    trained = f"{results.trained_parameters:,} of {results.parameters:,} parameters ({results.trained})"
    table.add_row("trained", f"{trained}, {results.epochs:g} epochs, {results.train_seconds:.0f} s")
    if len(results.classes) <= MOST_CLASSES:
        for one in results.classes:
            table.add_row(Text(f"  {printable(one.label)}"), format_rate(one.accuracy))
    return table
