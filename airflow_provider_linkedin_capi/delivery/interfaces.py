"""What the delivery is given: rows, a way to LinkedIn, a memory, and places for the outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.api.call import Call, Reply
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome
    from airflow_provider_linkedin_capi.events.model import MappedRows
    from airflow_provider_linkedin_capi.exceptions import CredentialsError


class Chunk(NamedTuple):
    """Rows of the source that become one batch.

    Sources cut at fixed numbers of rows, whatever becomes of the rows, so that a retry meets the same batches.

    :param columns: the column names, in the order of the values of each row.
    :param rows: at most 5,000 rows as they came.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Mapper(Protocol):
    """Turns the rows of a chunk into conversion events; see ``events.mapper.RowMapper``."""

    def map(self, rows: Sequence[Sequence[Any]]) -> MappedRows:
        """Return the events, and for each row that became none the reason."""


class MapperFactory(Protocol):
    """Makes the mapper for some columns."""

    def __call__(self, columns: Sequence[str], now_ms: int) -> Mapper:
        """Return a mapper that judges ages by ``now_ms`` (epoch milliseconds, the same on every try)."""


class Transport(Protocol):
    """The way to LinkedIn; used by several threads at once. The hook is one."""

    def send(self, call: Call[Any]) -> Reply:
        """Make one attempt; raise NotSentError or OutcomeUnknownError when there is no whole answer."""

    def refresh(self, error: CredentialsError) -> None:
        """Mint a new access token, once for all threads that met the same stale one; raise when impossible."""


class CheckpointStore(Protocol):
    """Where the record of acknowledged batches lives; used on the calling thread only.

    The delivery owns the keys it writes (:mod:`airflow_provider_linkedin_capi.delivery.checkpoint` lists them).
    A store may keep more beside them, such as ``finished`` and ``generation``; the delivery ignores what it does
    not know.
    """

    def load(self) -> dict[str, Any] | None:
        """Return what an earlier try saved, or None to start from nothing."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep the state (JSON types only, no personal data) durably before returning."""


class OutcomeSink(Protocol):
    """Where the outcomes of rows go; used on the calling thread only, batch by batch as they finish.

    A retry reports every row of the source again: rows that an earlier try delivered come as ``skipped`` by
    ``checkpoint``, rows that it saw refused come as ``rejected``. An exception of a sink stops the delivery after the
    batches in flight were recorded.
    """

    def write(self, batch: BatchOutcome) -> None:
        """Keep the outcomes of one batch before returning."""


class Ledger(Protocol):
    """What earlier runs delivered, by event; used on the calling thread only, once per batch."""

    def accepted(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of the (conversion rule URN, event id) pairs that LinkedIn has accepted before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How to deliver.

    :param api_version: the value of ``LinkedIn-Version``.
    :param max_in_flight: how many requests may wait for their answers at once.
    :param requests_per_minute: what this task may use of LinkedIn's 600 in any minute.
    :param requests_per_day: what this task may use of LinkedIn's daily limit, counted from 00:00 UTC over all tries.
    :param on_unknown_outcome: what follows when LinkedIn may have stored a batch although no answer says so:
        ``resend`` sends it again, ``hold`` leaves it for a person to decide.
    :param dry_run: do everything but the sending.
    :param max_batch_bytes: a batch whose body is longer is sent in parts.
    """

    api_version: str = limits.DEFAULT_API_VERSION
    max_in_flight: int = 8
    requests_per_minute: int = limits.REQUESTS_PER_MINUTE
    requests_per_day: int = limits.REQUESTS_PER_DAY
    on_unknown_outcome: Literal["resend", "hold"] = "resend"
    dry_run: bool = False
    max_batch_bytes: int = limits.MAX_BATCH_BYTES

    def __post_init__(self) -> None:
        for name in ("max_in_flight", "requests_per_minute", "requests_per_day", "max_batch_bytes"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.max_batch_bytes > limits.MAX_BATCH_BYTES:
            raise ConfigurationError(
                f"max_batch_bytes must be at most {limits.MAX_BATCH_BYTES}, not {self.max_batch_bytes}"
            )
        if self.on_unknown_outcome not in ("resend", "hold"):
            raise ConfigurationError(f"on_unknown_outcome must be 'resend' or 'hold', not {self.on_unknown_outcome!r}")
