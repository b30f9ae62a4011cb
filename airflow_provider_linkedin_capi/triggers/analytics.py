"""Waits in the triggerer until a report is ready."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_linkedin_capi.exceptions import IncompleteReportError, LinkedInError
from airflow_provider_linkedin_capi.reports import plan, readiness
from airflow_provider_linkedin_capi.reports.report_plan import fetch
from airflow_provider_linkedin_capi.reports.request import ReportRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions_async import LinkedInConversionsAsyncHook


class AnalyticsReportTrigger(BaseTrigger):
    """Looks at a report every now and then, and fires once when a worker should take over.

    The event holds this trigger's arguments, brought up to date, and ``status``: ``ready``; ``over`` (the 72 hours
    have passed and the report does not hold enough); ``timeout``; ``refused`` (no look would help any more); or
    ``error`` with a ``message``. Rows do not travel through the event: the worker reads them again, and so meets
    what LinkedIn refuses as the exception it is.

    Nothing is lost with a restart of the triggerer but the looks since the task was deferred: points in time are
    absolute, and what the worker saw is among the arguments.

    :param linkedin_conn_id: the Airflow connection; credentials are read from it, never passed.
    :param request: a :class:`~airflow_provider_linkedin_capi.reports.request.ReportRequest` as JSON.
    :param wait: a :class:`~airflow_provider_linkedin_capi.reports.readiness.Wait` as JSON.
    :param poll_interval: seconds between two looks; the first look comes after one of them.
    :param sighting: what the last look showed, as JSON; None when there was none.
    """

    def __init__(
        self,
        linkedin_conn_id: str,
        request: dict[str, Any],
        wait: dict[str, Any],
        poll_interval: float,
        sighting: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.linkedin_conn_id = linkedin_conn_id
        self.request = request
        self.wait = wait
        self.poll_interval = poll_interval
        self.sighting = sighting

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments, from which a triggerer makes this trigger again."""
        return (
            "airflow_provider_linkedin_capi.triggers.analytics.AnalyticsReportTrigger",
            {
                "linkedin_conn_id": self.linkedin_conn_id,
                "request": self.request,
                "wait": self.wait,
                "poll_interval": self.poll_interval,
                "sighting": self.sighting,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to tell."""
        try:
            yield TriggerEvent(await self._until_told())
        except Exception as error:
            self.log.warning("Giving up waiting for the report: %s", error)
            yield TriggerEvent(self._event("error", message=f"{type(error).__name__}: {error}"))

    async def _until_told(self) -> dict[str, Any]:
        from airflow_provider_linkedin_capi.hooks.linkedin_conversions_async import LinkedInConversionsAsyncHook

        request = msgspec.convert(self.request, ReportRequest)
        wait = msgspec.convert(self.wait, readiness.Wait)
        # An event within a second of the deferral could fire before the scheduler has taken note of that.
        await asyncio.sleep(self._pause(wait))
        # One hook for all looks: a token that it minted serves the next ones, too.
        async with LinkedInConversionsAsyncHook(self.linkedin_conn_id, ad_account_id=request.account) as hook:
            while time.time() < wait.deadline:
                try:
                    verdict = await self._look(hook, request, wait)
                except (LinkedInError, IncompleteReportError) as error:
                    if error.permanent:
                        self.log.warning("Handing over to a worker: %s", error)
                        return self._event("refused")
                    self.log.warning("This look failed, the next one may not: %s", error)
                else:
                    if verdict.ready or verdict.over:
                        return self._event("ready" if verdict.ready else "over")
                await asyncio.sleep(self._pause(wait))
        return self._event("timeout")

    async def _look(
        self, hook: LinkedInConversionsAsyncHook, request: ReportRequest, wait: readiness.Wait
    ) -> readiness.Verdict:
        report = await plan.run_async(fetch(request, hook.api_version), hook.call)
        before = msgspec.convert(self.sighting, readiness.ReportSnapshot) if self.sighting else None
        verdict = await asyncio.to_thread(readiness.judge, report, wait, before, time.time())
        self.sighting = readiness.plain(verdict.sighting)
        self.log.info("Report %s to %s: %s", request.start, request.end, verdict.words)
        return verdict

    def _pause(self, wait: readiness.Wait) -> float:
        """Seconds until the next look: a final report is looked at once, when its time has come."""
        now = time.time()
        pause = self.poll_interval
        if wait.ready_when == "final":
            pause = max(pause, wait.complete_at - now)
        return max(0.0, min(pause, wait.deadline - now))

    def _event(self, status: str, **more: Any) -> dict[str, Any]:
        return {
            "status": status,
            "request": self.request,
            "wait": self.wait,
            "sighting": self.sighting,
            **more,
        }
