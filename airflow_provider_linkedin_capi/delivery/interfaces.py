"""What a delivery is given: a source of rows, a way to LinkedIn, a checkpoint, and sinks for the outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from airflow_provider_linkedin_capi.api.call import Call, Reply
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome, Reason, Summary
    from airflow_provider_linkedin_capi.events.model import ConversionEvent, MappedRows
    from airflow_provider_linkedin_capi.exceptions import CredentialsError


class Chunk(NamedTuple):
    """Some rows of a source, in their order.

    :param columns: the column names, in the order of the values of each row.
    :param rows: one tuple of values for each row.
    :param unreadable: by index in ``rows``, why a row could not be read. What stands in ``rows`` for it is what could
        be kept of it, such as the raw line. It becomes one rejected row.
    :param delivered: by index in ``rows``, those whose events the ledger holds as accepted. They are skipped unread.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    unreadable: Mapping[int, Reason] = MappingProxyType({})
    delivered: frozenset[int] = frozenset()


class Source(Protocol):
    """Where rows come from: any object with this one method.

    .. code-block:: python

        class Leads:
            template_fields = ("day",)

            def __init__(self, day: str) -> None:
                self.day = day

            def chunks(self, size: int) -> Iterator[list[dict[str, Any]]]:
                for page in crm.leads(self.day, page_size=size):
                    yield page

    A source may also have ``count_rows() -> int | None``, which says how many rows there are, so that the log can
    estimate the time left, ``template_fields``, which Airflow renders, and ``fixed_columns = True`` when its first rows
    have the columns of all rows: then a column of ``column_mapping`` that is not among them is an error.
    """

    def chunks(self, size: int) -> Iterable[Chunk | Sequence[Mapping[str, Any]]]:
        """Yield the rows in a stable order, as chunks or as lists of dictionaries.

        :param size: how many rows are sent together; a good size for a chunk. Chunks of any other size will do.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryInfo:
    """Which delivery the outcomes belong to.

    :param dag_id: the task's DAG.
    :param run_id: the DAG run.
    :param task_id: the task.
    :param map_index: the index of a mapped task, else -1.
    :param loop_index: the iteration of a task loop, from 1; None outside loops.
    :param try_number: the try, from 1.
    :param resumed: whether this try continues what an earlier one of the same delivery began, so that outcomes that
        were recorded then must not be recorded twice.
    :param dry_run: nothing is sent; a ledger writes nothing.
    :param delivery_id: the same for all tries of one delivery; different for each run of the task, and after a Clear
        of a finished delivery.
    :param summary: the figures of this try, kept up to date.
    """

    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1
    loop_index: int | None = None
    try_number: int = 1
    resumed: bool = False
    dry_run: bool = False
    delivery_id: str = ""
    summary: Summary | None = None

    @property
    def name(self) -> str:
        """The task instance, without the try: ``dag/run/task[3]``, in a task loop ``dag/run/task[3]#2``."""
        shard = "" if self.map_index < 0 else f"[{self.map_index}]"
        iteration = "" if self.loop_index is None else f"#{self.loop_index}"
        return f"{self.dag_id}/{self.run_id}/{self.task_id}{shard}{iteration}"


class Mapper(Protocol):
    """Turns the rows of a batch into conversion events; see ``events.mapper.RowMapper``.

    :ivar key_column: index of the column with the event ids, None when there is none.
    """

    key_column: int | None

    def map(self, rows: Sequence[Sequence[Any]]) -> MappedRows:
        """Return the events, and for each row that became none the reason."""


class MapperFactory(Protocol):
    """Makes the mapper for some columns."""

    def __call__(self, columns: Sequence[str], now_ms: int) -> Mapper:
        """Return a mapper; events are too old by the clock ``now_ms`` (epoch milliseconds, the same on every try)."""


class Transport(Protocol):
    """The way to LinkedIn; used by several threads at once. The hook is one."""

    def send(self, call: Call[Any]) -> Reply:
        """Make one attempt; raise NotSentError or OutcomeUnknownError when there is no whole answer."""

    def refresh(self, error: CredentialsError) -> None:
        """Request a new access token, once for all threads that met the same stale one; raise when impossible."""

    def housekeeping(self) -> None:
        """Do what only the calling thread may do, such as keeping a rotated refresh token; called now and then."""


class CheckpointStore(Protocol):
    """Where the record of acknowledged batches lives; used on the calling thread only."""

    def load(self) -> dict[str, Any] | None:
        """Return what an earlier try saved, or None to start from nothing."""

    def save(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """Keep the state (JSON types only, no personal data) durably before returning.

        :returns: None; or, without keeping anything, what another process saved meanwhile, to be merged first.
        """


class OutcomeSink(Protocol):
    """Where the outcomes of rows go, batch by batch; used on the calling thread only.

    A retry reports every row of the source again: rows that an earlier try delivered come as ``skipped`` with the
    reason ``checkpoint``, rows that it saw refused come as ``rejected``. An exception of a sink ends the delivery
    after the batches in flight were recorded.

    .. code-block:: python

        class CountByCode:
            def open(self, delivery: DeliveryInfo) -> None:
                self.counts = Counter()

            def write(self, batch: BatchOutcome) -> None:
                self.counts.update(row.reason.code for row in batch.outcomes("rejected"))

            def close(self, completed: bool) -> None:
                statsd.gauges(self.counts)
    """

    def open(self, delivery: DeliveryInfo) -> None:
        """Get ready, before the first row is read."""

    def write(self, batch: BatchOutcome) -> None:
        """Keep the outcomes of one batch.

        Called once for each batch of a try; again for the same batch when it raised an exception.
        """

    def close(self, completed: bool) -> None:
        """Finish; always called after :meth:`open` has returned.

        :param completed: whether every row was read and has its outcome; False when the delivery ended early.
        """


@dataclass(frozen=True, slots=True)
class Claims:
    """What a ledger says of events before they are sent; all but those accepted and elsewhere are claimed now.

    :param accepted: positions of events that were delivered before: they are skipped.
    :param elsewhere: positions that another running delivery, or another batch of this one, has claimed: this delivery
        asks again later, by claiming them again.
    :param unknown: positions that another delivery had claimed, and ended without an answer: LinkedIn may hold them.
    :param earlier: positions that an earlier try of this delivery had claimed, and ended without an answer. The
        checkpoint says whether they were sent, unless their rows are in another batch by now.
    """

    accepted: frozenset[int] = frozenset()
    elsewhere: frozenset[int] = frozenset()
    unknown: frozenset[int] = frozenset()
    earlier: frozenset[int] = frozenset()


@runtime_checkable
class Ledger(OutcomeSink, Protocol):
    """A sink that also knows what other deliveries sent, event by event; used on the calling thread only."""

    def claim(self, events: Sequence[ConversionEvent], *, batch: int) -> Future[Claims]:
        """Claim events before they are sent; again for those that were ``elsewhere``.

        :param events: events of one batch that neither the checkpoint nor LinkedIn has an answer for.
        :param batch: the batch's number.
        :returns: positions in ``events``; there once the claims are durable. The batch may be sent then, not before.
        """

    def flush(self) -> None:
        """Return when everything written so far is durable."""

    def hurry(self, deadline: float) -> None:
        """Let no call wait longer than until a moment of ``time.monotonic()``; called by signal handlers, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How to deliver.

    :param batch_size: rows in one request, at most 5,000.
    :param max_in_flight: how many batches may wait for their answers at once; None adapts to the latency seen.
    :param requests_per_minute: what this task may use of LinkedIn's 600 in any minute.
    :param requests_per_day: what this task may use of LinkedIn's daily limit, counted from 00:00 UTC over all tries.
    :param on_unknown_outcome: what follows when LinkedIn may have stored a batch although no answer says so:
        ``resend`` sends it again, ``hold`` leaves it for a person to decide.
    :param dry_run: do everything but the sending.
    :param max_request_bytes: a batch whose body is longer is sent in parts; None sends any length until LinkedIn or a
        proxy refuses one.
    """

    batch_size: int = limits.MAX_EVENTS_PER_BATCH
    max_in_flight: int | None = None
    requests_per_minute: int = limits.REQUESTS_PER_MINUTE
    requests_per_day: int = limits.REQUESTS_PER_DAY
    on_unknown_outcome: Literal["resend", "hold"] = "resend"
    dry_run: bool = False
    max_request_bytes: int | None = None

    def __post_init__(self) -> None:
        for name, optional in (
            ("batch_size", False),
            ("max_in_flight", True),
            ("requests_per_minute", False),
            ("requests_per_day", False),
            ("max_request_bytes", True),
        ):
            value = getattr(self, name)
            if optional and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.batch_size > limits.MAX_EVENTS_PER_BATCH:
            raise ConfigurationError(f"batch_size must be at most {limits.MAX_EVENTS_PER_BATCH}, not {self.batch_size}")
        if self.on_unknown_outcome not in ("resend", "hold"):
            raise ConfigurationError(f"on_unknown_outcome must be 'resend' or 'hold', not {self.on_unknown_outcome!r}")
