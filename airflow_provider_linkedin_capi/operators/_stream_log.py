"""What the task log says at the end of a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_provider_linkedin_capi.delivery.outcomes import Summary


def log_summary(log: Logger, summary: Summary, *, results_table: str | None, dry_run: bool) -> None:
    """Write the figures, the reasons of refusals, where the evidence is and what to do with it."""
    rate = summary.rows_read / summary.seconds if summary.seconds else 0.0
    log.info(
        "%s%d rows read in %.1f s (%.0f a second): %d accepted, %d rejected, %d held, %d skipped as delivered before; "
        "%d batches, %d requests of which %d were repeated",
        "Dry run, nothing was sent. " if dry_run else "",
        summary.rows_read,
        summary.seconds,
        rate,
        summary.accepted,
        summary.rejected,
        summary.held,
        summary.skipped,
        summary.batches,
        summary.requests,
        summary.retries,
    )
    if summary.first_happened_at:
        log.info("Conversions from %s to %s", summary.first_happened_at, summary.last_happened_at)
    if summary.warned:
        log.warning("%d rows were sent without something they held", summary.warned)
    if summary.resent_unknown:
        log.warning(
            "%d events were sent again after an answer was lost: LinkedIn may hold up to that many twice",
            summary.resent_unknown,
        )
    for code, count in sorted(summary.reasons.items(), key=lambda reason: -reason[1]):
        log.warning("Not delivered: %6d x %s%s", count, code, _explained(code))
    if summary.rejected or summary.held:
        if summary.rejects_path:
            log.warning(
                "The rows are in %s: mend them there and send the file with path=, or mend the source and clear "
                "this task",
                summary.rejects_path,
            )
        else:
            log.warning("Set rejects_path to keep the rows that were not delivered")
    if results_table and not dry_run:
        log.info("Every event's outcome is in the table %s", results_table)


def _explained(code: str) -> str:
    from airflow_provider_linkedin_capi.events.codes import CODES

    return f" ({CODES[code]})" if code in CODES else ""
