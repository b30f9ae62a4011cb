"""What the demo prints: tables on a terminal, the same as plain text elsewhere."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_linkedin_capi.events.codes import CODES

if TYPE_CHECKING:
    from pathlib import Path

console = Console(width=None if os.isatty(1) else 110, highlight=False, record=True)

_MARKS = {"success": "[green]✔[/]", "failed": "[red]✘[/]", "deferred": "[cyan]…[/]", "up_for_retry": "[yellow]↻[/]"}
_REMARKS = {"deferred": "waits in the triggerer, without a worker slot", "up_for_retry": "will be tried again"}

REPORT = """
    SELECT date(start_date, 'weekday 0', '-6 days') AS week, conversion_name AS name,
           SUM(external_website_conversions) AS conversions,
           SUM(external_website_post_click_conversions) AS clicks,
           SUM(external_website_post_view_conversions) AS views,
           SUM(conversion_value_in_local_currency) AS value,
           MAX(currency) AS currency
    FROM linkedin_conversion_report GROUP BY 1, 2 ORDER BY 1, 2
"""


def title(text: str) -> None:
    """Print the headline."""
    console.rule(f"[bold]{text}", style="blue")


def step(name: str, about: str) -> None:
    """Print what is done now."""
    console.print(f"\n[bold blue]▸ {name}[/]  {about}")


def task(task_id: str, state: str, seconds: float | None) -> None:
    """Print the end of a task, or that it waits."""
    remark = _REMARKS.get(state) or (f"{seconds:.1f} s" if seconds is not None else "")
    console.print(f"  {_MARKS[state]} {task_id:<22} [dim]{remark}[/]")


def log(task_id: str, text: str) -> None:
    """Print the end of a failed task's log."""
    console.print(f"\n[red]The log of {task_id} ends with:[/]")
    console.print(Text("\n".join(text.splitlines()[-40:])))


def sample(path: Path) -> None:
    """Print some rows of the warehouse, as messy as they are."""
    table = _table("for example", "happened_at", "email, lead or external id", "amount", "currency")
    for what, where in (
        ("padded, upper case", "email LIKE '\ufeff%' AND typeof(happened_at) = 'text'"),
        ("hashed already, seconds", "length(email) = 64 AND happened_at < 1e11"),
        ("a lead form's response", "lead LIKE 'urn:%' AND happened_at LIKE '%+02:00'"),
        ("a customer number", "external_id IS NOT NULL AND conversion_type = 'PURCHASE'"),
        ("hashed, but with MD5", "length(email) = 32"),
        ("no currency", "currency = 'EURO'"),
        ("older than 90 days", "typeof(happened_at) = 'text' AND date(happened_at) < date(loaded_at, '-90 days')"),
    ):
        row = _query(
            path,
            "SELECT happened_at, coalesce(email, lead, external_id) AS identifier, amount, currency"
            f" FROM conversions WHERE {where} LIMIT 1",
        )
        for found in row:
            table.add_row(what, *(Text(_quoted(value), overflow="ellipsis", no_wrap=True) for value in found.values()))
    console.print(table)


def outcome(summary: dict[str, Any], path: Path, rejects: Path, linkedin: dict[str, Any]) -> list[str]:
    """Print what became of the rows, why some were refused, and the report; return what is wrong."""
    counts = _table(
        "rows read", "accepted", "refused", "held", "skipped", "with warnings", "batches", "requests", "seconds"
    )
    counts.add_row(
        *(f"{summary[key]:,}" for key in ("rows_read", "accepted", "rejected", "held", "skipped", "warned")),
        *(f"{summary[key]:,}" for key in ("batches", "requests")),
        f"{summary['seconds']:.1f}",
        style="bold",
    )
    console.print("\n[bold]What became of the rows[/] (the stream's summary, its XCom)")
    console.print(counts)

    letters = [json.loads(line) for file in sorted(rejects.glob("*.jsonl")) for line in file.open(encoding="utf-8")]
    reasons = Counter(letter["code"] for letter in letters)
    why = _table("refused", "code", "why", "such as")
    for code, count in reasons.most_common():
        example = next(letter for letter in letters if letter["code"] == code)
        cell = example["row"].get(_COLUMN.get(example["field"], example["field"]))
        why.add_row(f"{count:,}", code, CODES.get(code, example["message"]), Text(_quoted(cell), overflow="ellipsis"))
    console.print("\n[bold]Why rows were refused[/] (the dead letters; nothing of them was sent)")
    console.print(why)

    left_out = _table("times", "code", "what")
    for code, count in sorted(summary["warnings"].items(), key=lambda warning: -warning[1]):
        left_out.add_row(f"{count:,}", code, CODES[code])
    console.print("\n[bold]What was left out of accepted rows[/] (the rest of the row was sent)")
    console.print(left_out)

    rows = _query(path, REPORT)
    report = _table("week of", "conversion rule", "conversions", "post-click", "post-view", "value")
    for row in rows:
        report.add_row(row["week"], row["name"], *_figures(row), end_section=row is rows[-1])
    total = {key: sum(row[key] for row in rows) for key in ("conversions", "clicks", "views", "value")}
    report.add_row("total", "", *_figures({**total, "currency": rows[0]["currency"]}) if rows else (), style="bold")
    console.print("\n[bold]LinkedIn's report by conversion[/] (table linkedin_conversion_report of the warehouse)")
    console.print(report)

    console.print(
        f"\nThe local LinkedIn holds [bold]{linkedin['events']:,}[/] events,"
        f" [bold]{linkedin['duplicates']:,}[/] of them twice."
    )
    problems = []
    if summary["accepted"] != linkedin["events"] or linkedin["duplicates"]:
        problems.append("LinkedIn holds other events than the summary says")
    if summary["rejected"] != len(letters):
        problems.append("the dead letters are not the refused rows")
    if summary["rows_read"] != sum(summary[key] for key in ("accepted", "rejected", "held", "skipped")):
        problems.append("rows are unaccounted for")
    if not rows:
        problems.append("the report is empty")
    return problems


def repeat(summary: dict[str, Any], first: dict[str, Any], linkedin: dict[str, Any]) -> list[str]:
    """Print what a second run of the same window sent; return what is wrong."""
    console.print(
        f"\nOf {summary['rows_read']:,} rows [bold]{summary['accepted']:,}[/] were sent,"
        f" [bold]{summary['skipped']:,}[/] were known from the ledger as delivered,"
        f" {summary['rejected']:,} were refused again."
        f" The local LinkedIn still holds {linkedin['events']:,} events, {linkedin['duplicates']:,} of them twice."
    )
    sent_nothing = summary["accepted"] == 0 and summary["skipped"] == first["accepted"]
    return [] if sent_nothing and linkedin["events"] == first["accepted"] else ["the second run sent events again"]


def where_to_look(folder: Path) -> None:
    """Print where everything is."""
    place = os.path.relpath(folder)
    console.print("\n[bold]Where to look[/]")
    for what, where in (
        ("what became of each event", f"view linkedin_deliveries_outcomes in {place}/warehouse.db"),
        ("the report", f"table linkedin_conversion_report in {place}/warehouse.db"),
        ("the refused rows, and why", f"{place}/rejects/"),
        ("the tasks' logs", f"{place}/airflow/logs/dag_id=linkedin_conversions_daily/"),
        ("the DAG, to copy", "example_dags/linkedin_conversions_daily.py"),
    ):
        console.print(f"  {what:<28}{where}", soft_wrap=True)


def end(seconds: float, problems: list[str]) -> None:
    """Print the verdict, and keep a picture of everything printed when asked to."""
    console.print()
    for problem in problems:
        console.print(f"[bold red]Not as it should be:[/] {problem}")
    console.rule(
        f"{'[bold red]failed' if problems else '[bold green]done'} in {seconds:.0f} s; everything is stopped",
        style="blue",
    )
    if picture := os.environ.get("DEMO_PICTURE"):
        console.save_svg(picture, title="make demo")


#: Where a field's cell is, in the columns of the warehouse.
_COLUMN = {"conversionHappenedAt": "happened_at", "currencyCode": "currency"}


_NUMERIC = {
    *(
        "times",
        "rows read",
        "accepted",
        "refused",
        "held",
        "skipped",
        "with warnings",
        "batches",
        "requests",
        "seconds",
    ),
    *("conversions", "post-click", "post-view", "value"),
}


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    return (*(f"{row[key]:,}" for key in ("conversions", "clicks", "views")), f"{row['value']:,.2f} {row['currency']}")


def _quoted(value: Any) -> str:
    return repr(value) if isinstance(value, str) else "NULL" if value is None else str(value)


def _table(*columns: str) -> Table:
    table = Table(border_style="dim", header_style="cyan")
    for column in columns:
        table.add_column(
            column, justify="right" if column in _NUMERIC else "left", no_wrap=column in ("code", "for example")
        )
    return table


def _query(path: Path, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]
