"""Every exception that users can meet, under one root; each says whether another try can help.

``permanent`` decides what Airflow does: a permanent error fails the task at once, any other one, and every exception of
a library, leaves the task's retries alone. The sensor's own failures are in
:mod:`airflow_provider_linkedin_capi.sensors.exceptions`, since they are Airflow's exceptions too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import datetime as dt

    from airflow_provider_linkedin_capi.delivery.outcomes import Summary

#: 401 sub-codes that a fresh access token cannot mend: revoked by the member, member restricted.
_TERMINAL_401 = frozenset({65601, 65608})

_ITEM = re.compile(r"Index: (\d+), ")
_INDICES = re.compile(r"indices \[([0-9, ]+)\]")
_BATCH_INDEX = re.compile(r"\{[^{}]*\bbatchIndex=(\d+)[^{}]*\}|batchIndex=(\d+)")

_OF_THE_RULE = re.compile(r"Conversion's method should be|Conversion enabled should be|ERROR :: /conversion ::")
#: What LinkedIn repeats of the data in its messages.
_VALUES = re.compile(r'\\?"[^"]*"|:: (?!/)[^\n]*?(?=cannot be coerced)|[0-9a-fA-F]{32,}|\S+@\S+')


def _without_values(message: str) -> str:
    """Return one of LinkedIn's messages without what it repeats of the data."""
    return _VALUES.sub(lambda match: ":: ... " if match[0].startswith("::") else "...", message)


class LinkedInConversionsError(Exception):
    """The root of this package's exceptions.

    :cvar permanent: whether the same task fails the same way again until somebody changes something.
    """

    permanent: bool = False


class ConfigurationError(LinkedInConversionsError, ValueError):
    """A parameter, connection, column or file is not usable as it is; correct it and clear the task."""

    permanent = True


class LinkedInError(LinkedInConversionsError):
    """Something LinkedIn, or the way to it, refused.

    :param message: what happened.
    :param call: the call's name, e.g. ``conversions.CREATE``.
    :param status: HTTP status, None when there was no answer.
    :param code: LinkedIn's ``code``.
    :param service_code: LinkedIn's ``serviceErrorCode``.
    :param request_ids: the headers LinkedIn's support asks for.
    :param details: ``errorDetails.inputErrors`` as LinkedIn sent them.
    """

    #: What the reader can do, in plain words, unless the answer allows better advice.
    usual_advice: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        call: str = "",
        status: int | None = None,
        code: str | None = None,
        service_code: int | None = None,
        request_ids: dict[str, str] | None = None,
        details: list[dict[str, Any]] | None = None,
        advice: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message
        self.call = call
        self.status = status
        self.code = code
        self.service_code = service_code
        self.request_ids = request_ids or {}
        self.details = details or []
        self.retry_after = retry_after
        self.advice = self.usual_advice if advice is None else advice
        super().__init__(message)

    @property
    def outcome_unknown(self) -> bool:
        """Whether LinkedIn may have done what was asked although no usable answer says so."""
        return False

    def forget_values(self) -> None:
        """Drop what LinkedIn's texts repeat of the data; for answers about persons."""
        self.message = _without_values(self.message)
        self.args = (self.message,)
        self.details = [
            {name: _without_values(value) if isinstance(value, str) else value for name, value in detail.items()}
            for detail in self.details
        ]

    def __str__(self) -> str:
        answer = " ".join(str(part) for part in (self.status, self.code, self.service_code) if part)
        head = f"{self.call}: " if self.call else ""
        text = f"{head}{f'LinkedIn answered {answer}: ' if answer else ''}{self.message.rstrip()}"
        for detail in self.details:
            text += f"; {_field_path(detail) or 'input'}: {detail.get('description') or detail.get('code')}"
        if self.advice:
            text += f" -> {self.advice}"
        if self.request_ids:
            text += f" [{', '.join(f'{name}={value}' for name, value in self.request_ids.items())}]"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _field_path(detail: Any) -> Any:
    for name in ("input", "inputPath", "fieldPath"):
        detail = detail.get(name) if isinstance(detail, dict) else None
    return detail


def _rebuild(kind: type[LinkedInError], args: tuple[Any, ...], state: dict[str, Any]) -> LinkedInError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class CredentialsError(LinkedInError):
    """401, or the token service refused: the token is missing, expired, revoked or unknown."""

    permanent = True

    usual_advice = (
        "Put a new access token into the connection, or a client id, client secret and refresh token "
        "so that one can be minted."
    )

    @property
    def refreshable(self) -> bool:
        """Whether a freshly minted access token could help."""
        return self.status == 401 and self.service_code not in _TERMINAL_401


class AccessDeniedError(LinkedInError):
    """403: the token's scopes, the app's products, the member's role, or a rule the token cannot see."""

    permanent = True

    usual_advice = (
        "Check that the token has the scope (rw_conversions, r_ads, r_ads_reporting), the app the product, "
        "and the member a role other than VIEWER in the ad account."
    )


class NotFoundError(LinkedInError):
    """404: no such entity, or a restricted API."""

    permanent = True

    usual_advice = (
        "Check the id and the ad account; a whole resource that is not found means the app lacks the product."
    )


class VersionError(LinkedInError):
    """400 VERSION_MISSING or 426: the LinkedIn-Version of the connection is not served."""

    permanent = True

    usual_advice = (
        "Set the connection's API version to a newer one, or clear it to use this package's default; LinkedIn serves "
        "each version for about a year."
    )


class InvalidRequestError(LinkedInError):
    """400, 409 or 422 and the like: LinkedIn understood and refused. Sending the same again is useless.

    :ivar elements: for batches, LinkedIn's message for each position it named; empty when it named none.
    """

    permanent = True
    elements: dict[int, str]

    def __init__(self, message: str, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.elements = element_messages(message)

    def forget_values(self) -> None:
        """Drop what LinkedIn's texts repeat of the data, in the elements' messages as well."""
        super().forget_values()
        self.elements = {position: _without_values(text) for position, text in self.elements.items()}

    @property
    def rule_at_fault(self) -> bool:
        """Whether the text speaks of the conversion rule: another kind, disabled, or no URN of a rule.

        A hint only: LinkedIn may word it differently any day.
        """
        return _OF_THE_RULE.search(self.message) is not None


class ConflictError(InvalidRequestError):
    """409: a concurrent write got in between."""

    permanent = False


class TooLargeError(LinkedInError):
    """413 or 414: the request has to be split."""

    permanent = True


class RateLimitError(LinkedInError):
    """429.

    :ivar window: ``day`` (resets at 00:00 UTC), ``data`` (45 million values in five minutes), ``quota`` (a
        limit that time does not lift) or ``short``.
    """

    window: str

    def __init__(self, message: str, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        if "DAY limit" in message:
            self.window = "day"
        elif "45 million metric values" in message or "data request limit" in message:
            self.window = "data"
        elif self.code == "SEGMENT_LIMIT_EXCEEDED" or "SEGMENT_LIMIT_EXCEEDED" in message:
            self.window = "quota"
        else:
            self.window = "short"
        self.advice = {
            "day": "The daily limit is used up; it is lifted at 00:00 UTC. Run again after that.",
            "quota": "Waiting does not lift this limit.",
        }.get(self.window, self.advice)
        self.permanent = self.window == "quota"


class ServerError(LinkedInError):
    """408 or 5xx: LinkedIn's fault, worth another try."""

    @property
    def outcome_unknown(self) -> bool:
        """408 and 503 say that the request was not taken up; any other one may come after it was."""
        return self.status not in (408, 503)


class NotSentError(LinkedInError):
    """The connection could not be made; LinkedIn has not seen the request."""


class OutcomeUnknownError(LinkedInError):
    """The connection broke after the request left, or the answer was unreadable."""

    @property
    def outcome_unknown(self) -> bool:
        """Always: that is what this exception says."""
        return True


class UnexpectedReplyError(OutcomeUnknownError):
    """A success whose body is not what the documentation promises.

    :param foreign: whether the body is a page of something between, such as a proxy, rather than LinkedIn's: then
        another try may reach LinkedIn. LinkedIn itself would answer the same way again.
    """

    def __init__(self, message: str, *, foreign: bool = False, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.foreign = foreign


class ConnectionSettingsError(ConfigurationError):
    """The connection lacks something, or says something that cannot be; the message says where to mend it."""


class RuleReferenceError(ConfigurationError):
    """A reference names no conversion rule, or more than one."""


class ColumnError(ConfigurationError):
    """The columns do not make events: two for one field, one that is not there, or too few."""


class RuleExistsError(ConfigurationError):
    """``if_exists="fail"``, and the rule exists."""


class ReportFileError(ConfigurationError):
    """The file cannot take the report: says why and what to change."""


class ReportTableError(ConfigurationError):
    """The table cannot take the report: says why and what to change."""


class IncompleteReportError(ConfigurationError):
    """LinkedIn cut the report off, and it cannot be asked for in smaller parts."""


class DatabaseError(LinkedInConversionsError):
    """A statement failed: says where, what kind of error it was, and what to do.

    It never repeats the driver's text, which may quote people's data.

    :param code: SQLSTATE, or the database's own code; None when the driver gives none.
    :param permanent: whether a retry meets the same error.
    """

    def __init__(self, message: str, *, code: str | None = None, permanent: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent

    @property
    def missing_table(self) -> bool:
        """Whether the table, or its schema, does not exist."""
        return self.code is not None and self.code.startswith(("42P01", "42S02", "3F"))


class SourceError(LinkedInConversionsError):
    """The rows cannot be read. The message says where, why, and what to change.

    :param permanent: whether a retry finds the same rows as unreadable.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class ResultsTableError(LinkedInConversionsError):
    """The results table cannot be used: says why and what to change."""


class DeliveryStoppedError(LinkedInConversionsError):
    """LinkedIn refuses something that is not one row's fault, or does not answer.

    Every answer that came is in the checkpoint and was handed to the sinks; a retry goes on from there.

    :param message: what happened, to which batch and rule, and what to do next.
    :param summary: the figures up to here.
    :param error: what LinkedIn said; its class tells whether a retry can help.
    :param rule: the conversion rule at fault, when it is one rule's.
    """

    def __init__(
        self, message: str, *, summary: Summary, error: LinkedInError | None = None, rule: str | None = None
    ) -> None:
        super().__init__(message)
        self.summary = summary
        self.error = error
        self.rule = rule


class DayLimitReachedError(DeliveryStoppedError):
    """The day's requests are used up, LinkedIn's or the task's own.

    :ivar resets_at: when to go on: the next 00:00 UTC.
    """

    resets_at: dt.datetime


class DeliveryInterruptedError(DeliveryStoppedError):
    """Somebody called :meth:`Delivery.stop`."""


class DeliverySupersededError(LinkedInConversionsError):
    """Another process has taken over the same task instance: Airflow had given up on this one."""


def element_messages(message: str) -> dict[int, str]:
    """Return LinkedIn's message for each batch position named in an error text, in any documented form."""
    found: dict[int, str] = {}
    if starts := list(_ITEM.finditer(message)):
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            text = message[start.end() : end.start() if end else len(message)]
            found[int(start[1])] = "; ".join(line.strip() for line in text.splitlines() if line.strip())
        return found
    for match in _BATCH_INDEX.finditer(message):
        position = int(match[1] or match[2])
        found[position] = f"{found[position]}; {match[0]}" if position in found else match[0]
    behind = 0
    for match in _INDICES.finditer(message):
        text = message[behind : match.start()].removeprefix(" (0-indexed)").strip(" .,;\n")
        behind = match.end()
        for number in match[1].split(","):
            if number.strip():
                found[int(number)] = f"{found[int(number)]}; {text}" if int(number) in found else text
    return found
