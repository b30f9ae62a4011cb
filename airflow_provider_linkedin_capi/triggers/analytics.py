"""Waits in the triggerer until a report is ready."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_linkedin_capi.exceptions import LinkedInConversionsError
from airflow_provider_linkedin_capi.reports import plan, readiness
from airflow_provider_linkedin_capi.reports.readiness import WaitingReport
from airflow_provider_linkedin_capi.reports.report_plan import report_plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions_async import LinkedInConversionsAsyncHook
    from airflow_provider_linkedin_capi.reports.readiness import Wait


class AnalyticsReportTrigger(BaseTrigger):
    """Polls a report, and fires once when a worker should take over.

    The event holds the waiting report (``request``, ``wait``, ``snapshot``, ``version``) and a ``status``: ``ready``;
    ``window_closed`` (the 72 hours have passed and the report does not hold enough); ``timeout``; ``refused`` (no
    further poll can help); or ``error``, with a ``message``. Rows do not travel through the event: the worker reads
    them again, and so meets LinkedIn's refusals as exceptions.

    The arguments are plain JSON values, those of
    :class:`~airflow_provider_linkedin_capi.reports.readiness.WaitingReport`, and are accepted as every released version
    stored them. A restart of the triggerer loses nothing but the polls since the task deferred: times are absolute.

    :param linkedin_conn_id: the Airflow connection; credentials are read from it, never passed.
    :param request: the report.
    :param wait: when it is ready.
    :param poll_interval: seconds between two polls at most; the first polls come sooner.
    :param snapshot: what the last poll showed; None when there was none.
    :param version: of these arguments' form.
    :param sighting: the snapshot's name in version 1.
    """

    def __init__(
        self,
        linkedin_conn_id: str,
        request: dict[str, Any],
        wait: dict[str, Any],
        poll_interval: float,
        snapshot: dict[str, Any] | None = None,
        version: int = 1,
        sighting: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.linkedin_conn_id = linkedin_conn_id
        self.poll_interval = poll_interval
        self._began = time.time()
        self._stored: dict[str, Any] = {"request": request, "wait": wait, "version": version}
        self._stored |= {"sighting": sighting} if version == 1 else {"snapshot": snapshot}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, from which a triggerer makes this trigger again."""
        return (
            "airflow_provider_linkedin_capi.triggers.analytics.AnalyticsReportTrigger",
            {"linkedin_conn_id": self.linkedin_conn_id, "poll_interval": self.poll_interval, **self._stored},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until a worker should take over."""
        try:
            status = await self._poll_until_told()
            yield TriggerEvent({"status": status, **self._stored})
        except Exception as error:
            self.log.warning("The triggerer stops waiting for the report: %s", error)
            message = f"{type(error).__name__}: {error}"
            yield TriggerEvent({"status": "error", "message": message, **self._stored})

    async def _poll_until_told(self) -> str:
        from airflow_provider_linkedin_capi.hooks.linkedin_conversions_async import LinkedInConversionsAsyncHook

        waiting = WaitingReport.restored(self._stored)
        # An event within a second of the deferral could fire before the scheduler has recorded it.
        await asyncio.sleep(self.seconds_to_next_poll(waiting.wait))
        # One hook for all polls: later polls reuse the token that it requested.
        async with LinkedInConversionsAsyncHook(self.linkedin_conn_id, ad_account_id=waiting.request.account) as hook:
            while time.time() < waiting.wait.deadline:
                try:
                    verdict = await self._poll(hook, waiting)
                except LinkedInConversionsError as error:
                    if error.permanent:
                        self.log.warning("Waiting cannot help; a worker takes over: %s", error)
                        return "refused"
                    self.log.warning("Polling the report failed; will poll again: %s", error)
                else:
                    waiting = WaitingReport(request=waiting.request, wait=waiting.wait, snapshot=verdict.snapshot)
                    self._stored = waiting.stored()
                    if verdict.ready or verdict.window_closed:
                        return "ready" if verdict.ready else "window_closed"
                pause = self.seconds_to_next_poll(waiting.wait)
                self.log.info("Next poll at %s.", readiness.utc_text(time.time() + pause))
                await asyncio.sleep(pause)
        return "timeout"

    async def _poll(self, hook: LinkedInConversionsAsyncHook, waiting: WaitingReport) -> readiness.Verdict:
        request = waiting.request
        report = await plan.run_async(report_plan(request), hook.call)
        verdict = await asyncio.to_thread(readiness.judge, report, waiting.wait, waiting.snapshot, time.time())
        self.log.info("Report %s to %s: %s", request.start, request.end, verdict.message)
        return verdict

    def seconds_to_next_poll(self, wait: Wait) -> float:
        """Return how long to pause; a final report is read once, when its time has come."""
        now = time.time()
        pause = readiness.seconds_to_next_poll(now - self._began, self.poll_interval)
        if wait.ready_when == "final":
            pause = max(pause, wait.complete_at - now)
        return max(0.0, min(pause, wait.deadline - now))
