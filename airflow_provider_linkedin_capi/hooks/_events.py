"""Conversion events through the hook, for tasks that make their own; rows go through StreamConversionsOperator."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_linkedin_capi.api import conversion_events, limits
from airflow_provider_linkedin_capi.api.caller import Caller
from airflow_provider_linkedin_capi.delivery.interfaces import Chunk, DeliverySettings
from airflow_provider_linkedin_capi.delivery.outcomes import Reason, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome
    from airflow_provider_linkedin_capi.events.model import ConversionEvent, MappedRows


@dataclass(slots=True)
class SentEvents:
    """What became of events that a task made itself.

    :param summary: the figures; a row is an event.
    :param rejected: by position among the events, those that LinkedIn refused, and why.
    :param held: likewise, those whose outcome is unknown and that were not sent again.
    """

    summary: Summary = field(default_factory=Summary)
    rejected: dict[int, Reason] = field(default_factory=dict)
    held: dict[int, Reason] = field(default_factory=dict)

    def open(self, delivery: DeliveryInfo) -> None:
        """Do nothing: there is nothing to prepare."""

    def write(self, batch: BatchOutcome) -> None:
        """Note the outcomes of one batch."""
        for found, reasons in ((self.rejected, batch.rejected), (self.held, batch.held)):
            found.update((batch.first_position + index, reason) for index, reason in reasons.items())

    def close(self, completed: bool) -> None:
        """Do nothing: everything is noted."""


class ConversionEventsMixin(Caller):
    """Send conversion events that are ready made."""

    if TYPE_CHECKING:
        send: Any
        refresh: Any
        housekeeping: Any

    def send_conversion_event(self, event: ConversionEvent) -> None:
        """Send one event. Not repeated after a lost answer, since LinkedIn does not promise to drop the second one.

        :raises InvalidRequestError: LinkedIn refused it.
        :raises OutcomeUnknownError: LinkedIn may or may not have stored it.
        """
        from airflow_provider_linkedin_capi.events.model import encode_event

        self.call(conversion_events.create(encode_event(event), self.api_version, idempotent=False))

    def send_conversion_events(
        self,
        events: Iterable[ConversionEvent],
        *,
        batch_size: int = limits.MAX_EVENTS_PER_BATCH,
        max_in_flight: int = 8,
        on_unknown_outcome: Literal["resend", "hold"] = "resend",
    ) -> SentEvents:
        """Send any number of events in batches; a refused event does not hold up the others.

        Nothing is remembered from one call to the next, so a task that is retried sends everything again:
        :class:`~airflow_provider_linkedin_capi.operators.stream_conversions.StreamConversionsOperator` does not.

        .. code-block:: python

            sent = hook.send_conversion_events(make_event(order) for order in orders)
            for position, reason in sent.rejected.items():
                log.warning("Order %s was refused: %s %s", position, reason.field, reason.code)

        :param batch_size: events in one request, at most 5,000.
        :param max_in_flight: requests that wait for their answers at once.
        :param on_unknown_outcome: send a batch again when LinkedIn may have stored it, or hold it.
        :raises DeliveryStoppedError: LinkedIn refuses something that is no event's fault, or does not answer.
        """
        from airflow_provider_linkedin_capi.delivery import Delivery

        settings = DeliverySettings(
            api_version=self.api_version,
            batch_size=batch_size,
            max_in_flight=max_in_flight,
            on_unknown_outcome=on_unknown_outcome,
        )
        sent = SentEvents()
        delivery = Delivery(self, settings, sinks=[sent])
        sent.summary = delivery.run(_ReadyMadeEvents(events), lambda columns, now_ms: _ReadyMade())
        return sent


class _ReadyMade:
    """Takes events for rows."""

    key_column: int | None = None

    def map(self, rows: Sequence[Sequence[Any]]) -> MappedRows:
        from airflow_provider_linkedin_capi.events.model import MappedRows

        return MappedRows([event for (event,) in rows], list(range(len(rows))), [], [])


class _ReadyMadeEvents:
    """A source whose rows hold one event each."""

    def __init__(self, events: Iterable[ConversionEvent]) -> None:
        self._events = iter(events)

    def chunks(self, size: int) -> Iterator[Chunk]:
        while rows := [(event,) for event in islice(self._events, size)]:
            yield Chunk(("event",), rows)
