"""What the task log says at the end of a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.delivery.outcomes import UNKNOWN_OUTCOME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk.types import Logger

    from airflow_provider_linkedin_capi.delivery.outcomes import Summary


def log_summary(log: Logger, summary: Summary, *, results_table: str | None, dry_run: bool) -> None:
    """Write the figures, the reasons of refusals, where the evidence is and what to do with it.

    The advice is safe whether the task succeeds or not: it sends nothing twice.
    """
    log.info(
        "%s%s rows read: %s accepted, %s rejected, %s held, %s skipped because they were delivered before",
        "Dry run, nothing was sent: " if dry_run else "",
        *(
            f"{rows:,}"
            for rows in (summary.rows_read, summary.accepted, summary.rejected, summary.held, summary.skipped)
        ),
    )
    log.info(
        "%d batches, %d requests of which %d were repeated, in %.1f s: %s rows a second",
        summary.batches,
        summary.requests,
        summary.retries,
        summary.seconds,
        f"{summary.rows_read / summary.seconds:,.0f}" if summary.seconds else "0",
    )
    if summary.first_happened_at:
        log.info("Conversions from %s to %s", summary.first_happened_at, summary.last_happened_at)
    if summary.resent_unknown:
        log.warning(
            "%d events were sent again after an answer was lost; LinkedIn may hold up to that many twice",
            summary.resent_unknown,
        )
    _log_codes(log, "Sent with changes", summary.warnings)
    _log_codes(log, "Not delivered", summary.reasons)
    if summary.rejected or summary.held:
        if summary.rejects_path:
            log.warning("The rows that were not delivered are in %s", summary.rejects_path)
            if summary.rejected:
                log.warning("Fix the rejected rows in that file and replay them with path=")
            if summary.held:
                log.warning(
                    "LinkedIn may have stored the held rows (%s): replay them only if it is better to count some "
                    "twice than not at all",
                    UNKNOWN_OUTCOME,
                )
        else:
            log.warning("Set rejects_path to keep the rows that were not delivered")
    if results_table and not dry_run:
        log.info("Every event's outcome is in the table %s", results_table)


def _log_codes(log: Logger, what: str, counts: Mapping[str, int]) -> None:
    from airflow_provider_linkedin_capi.events.codes import CODES

    for code, count in sorted(counts.items(), key=lambda item: -item[1]):
        log.warning("%s: %7s x %s%s", what, f"{count:,}", code, f" ({CODES[code]})" if code in CODES else "")
