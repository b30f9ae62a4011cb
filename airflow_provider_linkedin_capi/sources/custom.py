"""Rows of a user's own generator function."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    #: Yields dictionaries, or lists of them.
    RowGenerator = Callable[..., Iterable[Mapping[str, Any] | Sequence[Mapping[str, Any]]]]


class GeneratorSource:
    """What a function yields: one dictionary a row, or a list of them.

    .. code-block:: python

        def leads(data_interval_start, data_interval_end):
            for lead in crm.leads(data_interval_start, data_interval_end):
                yield {"event_id": lead.id, "email": lead.email, "happened_at": lead.created}

        StreamConversionsOperator(task_id="stream", source=leads, conversion_rule=22285180)

    :param function: its parameters name the entries of Airflow's context that it gets; ``**context`` gets all.
    """

    def __init__(self, function: RowGenerator) -> None:
        self.function = function

    def __repr__(self) -> str:
        # Airflow stores it with the DAG, which has to look the same at every parse.
        return f"<rows of {self.function.__module__}.{getattr(self.function, '__qualname__', 'function')}>"

    def chunks(self, size: int) -> Iterator[list[Mapping[str, Any]]]:
        """Yield what the function yields, as lists of at least ``size`` rows."""
        rows: list[Mapping[str, Any]] = []
        for item in self.function(**self._arguments()):
            if isinstance(item, Mapping):
                rows.append(item)
            else:
                rows.extend(item)
            if len(rows) >= size:
                yield rows
                rows = []
        if rows:
            yield rows

    def _arguments(self) -> dict[str, Any]:
        parameters = inspect.signature(self.function).parameters.values()
        if not parameters:
            return {}
        from airflow.providers.common.compat.sdk import get_current_context

        context = dict(get_current_context())
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return context
        return {each.name: context[each.name] for each in parameters if each.name in context}
