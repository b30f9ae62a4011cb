"""Rows of a user's own generator function."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk

    #: Yields dictionaries, or lists of them, or data frames.
    RowGenerator = Callable[..., Iterable[Any]]


class GeneratorSource:
    """What a function yields: one dictionary a row, or lists of dictionaries, or data frames.

    .. code-block:: python

        def leads(data_interval_start, data_interval_end):
            for lead in crm.leads(data_interval_start, data_interval_end):
                yield {"event_id": lead.id, "email": lead.email, "happened_at": lead.created}

        StreamConversionsOperator(task_id="stream", source=leads, conversion_rule=22285180)

    What is yielded in the same order on every try is not sent again by a retry. Memory holds what is yielded, up to a
    batch: yield rows as they come rather than one long list.

    :param function: its parameters name the entries of Airflow's context that it gets; ``**context`` gets all.
    """

    def __init__(self, function: RowGenerator) -> None:
        self.function = function

    def __repr__(self) -> str:
        # Airflow stores it with the DAG, which has to look the same at every parse.
        return f"<rows of {self._name}>"

    @property
    def _name(self) -> str:
        return f"{self.function.__module__}.{getattr(self.function, '__qualname__', 'function')}"

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the function's rows, ``size`` at a time; a row has None for a column that its dictionary lacks.

        :raises SourceError: it yields something that is no row.
        """
        from airflow_provider_linkedin_capi.delivery.rows import cut
        from airflow_provider_linkedin_capi.sources.chunks import Columns

        return cut(map(Columns().of_portion, self._portions(size)), size)

    def _portions(self, size: int) -> Iterator[Any]:
        from airflow_provider_linkedin_capi.exceptions import SourceError
        from airflow_provider_linkedin_capi.sources.records import portions_of

        items = self.function(**self._arguments())
        if not hasattr(items, "__iter__"):
            raise SourceError(
                f"{self._name} returned {type(items).__name__}. It has to yield dictionaries, or lists of them.",
                permanent=True,
            )
        rows: list[Mapping[str, Any]] = []
        for item in items:
            if isinstance(item, Mapping):
                rows.append(item)
                if len(rows) < size:
                    continue
            yield from portions_of(rows, self._name)
            rows = []
            if not isinstance(item, Mapping):
                yield from portions_of(item, f"what {self._name} yields")
        yield from portions_of(rows, self._name)

    def _arguments(self) -> dict[str, Any]:
        parameters = inspect.signature(self.function).parameters.values()
        if not parameters:
            return {}
        from airflow.providers.common.compat.sdk import get_current_context

        try:
            context = dict(get_current_context())
        except Exception:
            # Outside of a task, as in a user's own test; Airflow's versions raise different exceptions.
            context = {}
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return context
        # What functools.partial has filled in stays.
        given = getattr(self.function, "keywords", {})
        return {each.name: context[each.name] for each in parameters if each.name in context and each.name not in given}
