"""Every exception that users can meet, under one root; each says whether another try can help.

``permanent`` decides what Airflow does: a permanent error fails the task at once; any other error, and every exception
of a library, leaves the decision to the task's retries. ``docs/errors.md`` lists all of them. The sensor's own
failures are in :mod:`airflow_provider_linkedin_capi.sensors.exceptions`, since they are Airflow's exceptions as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from airflow_provider_linkedin_capi.delivery.outcomes import Summary

#: 401 sub-codes that a fresh access token does not help against: revoked by the member, member restricted.
_TERMINAL_401 = frozenset({65601, 65608})


class LinkedInConversionsError(Exception):
    """The root of this package's exceptions.

    :cvar permanent: whether the same task fails the same way again until somebody changes something.
    """

    permanent: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Airflow carries exceptions between processes; keyword-only arguments are not in ``args``.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    kind: type[LinkedInConversionsError], args: tuple[Any, ...], state: dict[str, Any]
) -> LinkedInConversionsError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ConfigurationError(LinkedInConversionsError, ValueError):
    """A parameter, connection, column or file cannot be used as it is. Correct it and clear the task."""

    permanent = True


class LinkedInError(LinkedInConversionsError):
    """LinkedIn refused a request, or could not be reached.

    :param message: what happened.
    :param call: the call's name, e.g. ``conversions.CREATE``.
    :param scope: what a token needs for the call.
    :param status: HTTP status, None when there was no answer.
    :param code: LinkedIn's ``code``.
    :param service_code: LinkedIn's ``serviceErrorCode``.
    :param request_ids: the headers that LinkedIn's support asks for.
    :param details: ``errorDetails.inputErrors`` as LinkedIn sent them.
    :param advice: what the reader can do; the class's ``default_advice`` when None.
    :param retry_after: seconds that the answer asks to wait, at most a day.
    """

    default_advice: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        call: str = "",
        scope: str = "",
        status: int | None = None,
        code: str | None = None,
        service_code: int | None = None,
        request_ids: Mapping[str, str] | None = None,
        details: Sequence[dict[str, Any]] = (),
        advice: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message
        self.call = call
        self.scope = scope
        self.status = status
        self.code = code
        self.service_code = service_code
        self.request_ids = dict(request_ids or {})
        self.details = list(details)
        self.retry_after = retry_after
        self.advice = self.default_advice if advice is None else advice
        super().__init__(message)

    @property
    def outcome_unknown(self) -> bool:
        """Whether LinkedIn may have done what was asked although no usable answer says so."""
        return False

    def __str__(self) -> str:
        answer = " ".join(str(part) for part in (self.status, self.code, self.service_code) if part)
        head = f"{self.call}: " if self.call else ""
        text = f"{head}{f'LinkedIn answered {answer}: ' if answer else ''}{self.message.rstrip()}"
        for detail in self.details:
            text += f"; {_field_path(detail) or 'input'}: {detail.get('description') or detail.get('code')}"
        if self.advice:
            text += f" -> {self.advice}"
        notes = [f"{name}={value}" for name, value in self.request_ids.items()]
        if self.retry_after is not None:
            notes.append(f"retry-after={self.retry_after:.0f} s")
        return f"{text} [{', '.join(notes)}]" if notes else text


def _field_path(detail: Any) -> Any:
    for name in ("input", "inputPath", "fieldPath"):
        detail = detail.get(name) if isinstance(detail, dict) else None
    return detail


class CredentialsError(LinkedInError):
    """401, or the token service refused: the token is missing, expired, revoked or unknown.

    Put a new access token into the connection, or a client id, client secret and refresh token.
    """

    permanent = True

    default_advice = (
        "Put a new access token into the connection, or a client id, client secret and refresh token "
        "so that one can be requested."
    )

    @property
    def refreshable(self) -> bool:
        """Whether a new access token could help."""
        return self.status == 401 and self.service_code not in _TERMINAL_401


class AccessDeniedError(LinkedInError):
    """403: the token's scopes, the app's products, the member's role, or a rule that the token cannot see."""

    permanent = True

    default_advice = (
        "Check that the token has the scope (rw_conversions, r_ads, r_ads_reporting), the app the product, "
        "and the member a role other than VIEWER in the ad account."
    )


class NotFoundError(LinkedInError):
    """404: the entity does not exist, or the app has no access to the API. Check the id and the ad account."""

    permanent = True

    default_advice = (
        "Check the id and the ad account; a whole resource that is not found means the app lacks the product."
    )


class VersionError(LinkedInError):
    """400 VERSION_MISSING or 426: LinkedIn does not serve the connection's API version. Set a newer one."""

    permanent = True

    default_advice = (
        "Set the connection's API version to a newer one, or clear it to use this package's default; LinkedIn serves "
        "each version for about a year."
    )


class InvalidRequestError(LinkedInError):
    """400, 409, 422 and the like: LinkedIn understood and refused. Correct what the message names.

    :param elements: for batches, LinkedIn's message for each position that it named.
    :param rule_at_fault: whether the text speaks of the conversion rule; a hint only, since LinkedIn may word it
        differently any day.
    """

    permanent = True

    def __init__(
        self,
        message: str,
        *,
        elements: Mapping[int, str] | None = None,
        rule_at_fault: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)
        self.elements = dict(elements or {})
        self.rule_at_fault = rule_at_fault


class ConflictError(InvalidRequestError):
    """409: another write to the same entity got in between. A retry usually helps."""

    permanent = False


class TooLargeError(LinkedInError):
    """413 or 414: the request is too large, for LinkedIn or for a proxy on the way. Send it in parts.

    :param foreign: whether a proxy said so; then it is no verdict on a single event, and not permanent.
    """

    permanent = True

    def __init__(self, message: str, *, foreign: bool = False, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.foreign = foreign
        self.permanent = not foreign


class RateLimitError(LinkedInError):
    """429: too many requests. The task waits and continues by itself, for ``day`` after 00:00 UTC.

    :param window: ``day`` (resets at 00:00 UTC), ``data`` (45 million values in five minutes), ``quota`` (a
        limit that time does not lift; permanent) or ``short``.
    :param resets_at: for ``day``: when the limit is lifted, counted from the moment LinkedIn answered.
    """

    def __init__(
        self,
        message: str,
        *,
        window: Literal["day", "data", "quota", "short"] = "short",
        resets_at: dt.datetime | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)
        self.window = window
        self.resets_at = resets_at
        self.permanent = window == "quota"
        self.advice = {
            "day": "The daily limit is used up; LinkedIn lifts it at 00:00 UTC. Run the task again after that.",
            "quota": "Waiting does not lift this limit.",
        }.get(window, self.advice)


class NotSentError(LinkedInError):
    """The connection could not be made: LinkedIn has certainly not seen the request. A retry is safe."""


class OutcomeUnknownError(LinkedInError):
    """The connection broke after the request left, or the answer cannot be read: LinkedIn may have done it.

    Check Campaign Manager before repeating by hand what creates something; the operators check by themselves.
    """

    @property
    def outcome_unknown(self) -> bool:
        """Always: that is what this exception says."""
        return True


class ServerError(OutcomeUnknownError):
    """408 or 5xx: LinkedIn failed, maybe after it had done what was asked. A retry usually helps."""


class ForeignAnswerError(OutcomeUnknownError):
    """Something else than LinkedIn answered: a page or JSON of a proxy or gateway, a login page, a redirect.

    Whatever its status, it says nothing about the rows, the token or the conversion rule. The message has a page's
    title. If retries do not help, have the proxy or firewall let requests to LinkedIn pass.
    """

    default_advice = (
        "Probably a proxy, gateway, firewall or login page between Airflow and LinkedIn: let requests to the "
        "connection's host pass there, or set the connection's proxies."
    )


class UnexpectedReplyError(OutcomeUnknownError):
    """LinkedIn reports success in a form that its documentation does not have.

    Update this package; if that does not help, report it with the request ids.
    """


class ConnectionSettingsError(ConfigurationError):
    """The connection lacks something or contradicts itself; nothing was sent. Correct the field that is named."""


class RuleReferenceError(ConfigurationError):
    """A reference matches no conversion rule, or more than one. Correct the name, or give the rule's id."""


class ColumnError(ConfigurationError):
    """The columns do not make events: two for one field, one that does not exist, or too few."""


class RuleExistsError(ConfigurationError):
    """``if_exists="fail"``, and the rule exists. Choose another name, or another ``if_exists``."""


class ReportFileError(ConfigurationError):
    """The file cannot take the report. The message says why and what to change."""


class ReportTableError(ConfigurationError):
    """The table cannot take the report. The message says why and what to change."""


class IncompleteReportError(ConfigurationError):
    """LinkedIn cut the report off, or its rows cannot be added up. Ask for fewer days, campaigns, pivots or fields."""


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
    """The results table cannot be used. The message says why and what to change.

    :param permanent: whether a retry meets the same error.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class DeliveryStoppedError(LinkedInConversionsError):
    """LinkedIn refuses something that is not one row's fault, or does not answer.

    Every answer that came is in the checkpoint and was handed to the sinks; a retry resumes there. Whether it is
    permanent is decided by ``error``.

    :param message: what happened, to which batch and rule, and what to do next.
    :param summary: the figures up to here.
    :param error: what LinkedIn said.
    :param rule: the conversion rule at fault, when it is one rule's.
    """

    def __init__(
        self, message: str, *, summary: Summary, error: LinkedInError | None = None, rule: str | None = None
    ) -> None:
        super().__init__(message)
        self.summary = summary
        self.error = error
        self.rule = rule
        self.permanent = error is not None and error.permanent


class DayLimitReachedError(DeliveryStoppedError):
    """The day's requests are used up, LinkedIn's or the task's own. The task continues after ``resets_at``.

    :ivar resets_at: when to continue: the next 00:00 UTC.
    """

    resets_at: dt.datetime


class DeliveryInterruptedError(DeliveryStoppedError):
    """The delivery was stopped from outside, e.g. because the task was killed. A retry resumes there."""


class DeliverySupersededError(LinkedInConversionsError):
    """Another process has taken over the same task instance: Airflow had given up on this one. Nothing to do."""
