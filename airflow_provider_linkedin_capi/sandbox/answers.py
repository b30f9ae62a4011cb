"""What the server answers: bodies in the shapes that LinkedIn uses, and refusals as exceptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of one answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that gets an error answer; nothing has been stored.

    :param status: HTTP status.
    :param document: the JSON body.
    :param headers: headers beyond the usual ones.
    """

    def __init__(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(status, document)
        self.document = document
        self.answer = as_json(status, document, headers)


def as_json(status: int, document: Any, headers: dict[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    return Answer(status, msgspec.json.encode(document), headers)


def created(resource: str, key: Any, document: Any = None) -> Answer:
    """201 with the id in the headers; without a document the body is empty."""
    headers = {"Location": f"/{resource}/{key}", "x-restli-id": str(key)}
    return Answer(201, headers=headers) if document is None else as_json(201, document, headers)


def no_content() -> Answer:
    """204."""
    return Answer(204)


def elements(found: list[Any], **members: Any) -> Answer:
    """The answer of a finder."""
    return as_json(200, {"elements": found, **members})


def results(found: dict[str, Any], errors: dict[str, Any]) -> Answer:
    """The answer of a batch by keys; ``statuses`` stays empty, as at LinkedIn."""
    return as_json(200, {"statuses": {}, "results": found, "errors": errors})


def gateway(status: int, code: str, message: str) -> Refused:
    """The gateway's shape: versions and unknown paths."""
    document = {"status": status, "code": code, "message": message}
    return Refused(status, document, {"X-Restli-Gateway-Error": "true"})


def unauthorised(service_code: int, code: str, message: str) -> Refused:
    """401 for a token."""
    return permission(401, service_code, code, message)


def permission(status: int, service_code: int, code: str, message: str) -> Refused:
    """The shape of authentication, permissions and throttles."""
    document = {"status": status, "serviceErrorCode": service_code, "code": code, "message": message}
    return Refused(status, document)


def short(status: int, message: str) -> Refused:
    """The shape of conversion events and other newer resources: message and status alone."""
    return Refused(status, {"message": message, "status": status})


def no_access(account: int) -> Refused:
    """403 for a member without the role that the account asks for."""
    message = f"Member does not have permission to perform this action on urn:li:sponsoredAccount:{account}"
    return Refused(403, {"status": 403, "code": "USER_NOT_AUTHORIZED", "message": message})


def parameter(
    name: str,
    code: str = "PARAM_INVALID",
    description: str = "Invalid value for param; wrong type or other syntax error",
) -> Refused:
    """400 for a query parameter."""
    return input_error(name, code, description)


def input_error(path: str, code: str, description: str) -> Refused:
    """400 in the detailed shape, with one input error."""
    error = {"code": code, "description": description, "input": {"inputPath": {"fieldPath": path}}}
    return Refused(
        400,
        {
            "errorDetailType": "com.linkedin.common.error.BadRequest",
            "code": "ILLEGAL_ARGUMENT",
            "status": 400,
            "message": "Invalid query parameters passed to request",
            "errorDetails": {"inputErrors": [error]},
        },
    )


def not_found(message: str) -> Refused:
    """404 for an entity."""
    return short(404, message)
