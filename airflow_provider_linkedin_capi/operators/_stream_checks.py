"""What StreamConversionsOperator refuses: parameters that cannot work, and too many rows not delivered."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.delivery.interfaces import Source
    from airflow_provider_linkedin_capi.delivery.outcomes import Summary


def check_parameters(operator: Any) -> None:
    """Refuse what is known to be wrong before any template is rendered.

    :param operator: the StreamConversionsOperator.
    """
    given = [name for name in ("source", "sql", "records", "path") if getattr(operator, name) is not None]
    if len(given) != 1:
        raise ConfigurationError(
            f"give exactly one of source, sql, records and path, not {' and '.join(given) or 'none'}"
        )
    if operator.sql is not None and operator.sql_conn_id is None:
        raise ConfigurationError("sql needs sql_conn_id, the connection of the database to read from")
    if operator.results_table is not None and (operator.results_conn_id or operator.sql_conn_id) is None:
        raise ConfigurationError("results_table needs results_conn_id, since there is no sql_conn_id to fall back on")
    for name, choices in (
        ("on_invalid", ("skip", "fail")),
        ("event_id", ("derive", "keep")),
        ("source_format", ("events", "offline")),
    ):
        if (value := getattr(operator, name)) not in choices:
            raise ConfigurationError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r}")
    budget = operator.max_invalid
    if budget is not None and not _is_budget(budget):
        raise ConfigurationError(f"max_invalid must be a number of rows, or a share from 0.0 to 1.0, not {budget!r}")


def _is_budget(value: object) -> bool:
    if isinstance(value, float):
        return 0.0 <= value <= 1.0
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def check_places(source: Source, dead_letters: str | None) -> None:
    """Refuse dead letters among the files that are read: the task would feed on what it writes, without end."""
    from airflow_provider_linkedin_capi.sources.files import FileSource

    if dead_letters is None or not isinstance(source, FileSource):
        return
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    files, target = ObjectStoragePath(source.path), ObjectStoragePath(dead_letters)
    read, written = files.path.rstrip("/"), target.path.rstrip("/")
    among = written == read or written.startswith(f"{read}/") or fnmatch(written, read) or fnmatch(written, f"{read}/*")
    if among and (files.protocol or "file") == (target.protocol or "file"):
        raise ConfigurationError(
            f"{dead_letters} lies where the rows are read from. Give the dead letters another place."
        )


def check_budget(summary: Summary, *, on_invalid: str, max_invalid: int | float | None, dry_run: bool = False) -> None:
    """Fail when more rows were not delivered than the DAG's author allows.

    :raises AirflowFailException: the same rows would be refused again.
    """
    refused = summary.rejected + summary.held
    budget = 0 if on_invalid == "fail" else max_invalid
    allowed = budget * summary.rows_read if isinstance(budget, float) else budget
    if allowed is None:
        # Whoever set no budget did not mean a green task that delivered nothing of what it read.
        allowed = max(0, summary.rows_read - 1)
    if refused <= allowed:
        return
    setting = "on_invalid='fail'" if on_invalid == "fail" else f"max_invalid={max_invalid!r}"
    if budget is None:
        setting = "a task without max_invalid"
    reasons = ", ".join(f"{code}: {count}" for code, count in summary.reasons.items())
    others = " All others were delivered." if refused < summary.rows_read and not dry_run else ""
    advice = ""
    if summary.rejected:
        advice += " Correct the rejected rows in the source and clear this task, which then sends only them"
        if summary.rejects_path:
            advice += f"; or correct them in {summary.rejects_path} and replay that file with path=, but do not do both"
        advice += "."
    if summary.held:
        advice += " LinkedIn may already have the held rows: replay only those that may count twice."
    raise AirflowFailException(
        f"{refused} of {summary.rows_read} rows were not delivered ({reasons}), more than {setting} allows."
        f"{others}{advice}"
    )
