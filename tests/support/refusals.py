"""The refusals that LinkedIn documents, or was seen to send: status, body, the exception, what follows."""

from __future__ import annotations

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import retry

REFRESH, STOP = retry.Refresh(), retry.Stop()


def wait(seconds, *, everybody=False):
    return retry.Wait(seconds, everybody=everybody)


THROTTLED = "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached."
DATA_LIMIT = (
    "The data request limit has been exceeded. More than 45 million metric values were requested in a 5-minute window."
)
INPUT_ERRORS = {
    "errorDetailType": "com.linkedin.common.error.BadRequest",
    "code": "ILLEGAL_ARGUMENT",
    "status": 400,
    "message": "Invalid query parameters passed to request",
    "errorDetails": {
        "inputErrors": [
            {
                "code": "PARAM_INVALID",
                "description": "Invalid value for param; wrong type or other syntax error",
                "input": {"inputPath": {"fieldPath": "pivots_0"}},
            }
        ]
    },
}


def unauthorized(service_code, code, message):
    return {"status": 401, "serviceErrorCode": service_code, "code": code, "message": message}


#: Section 11 of LinkedIn's error model; waits are those of the first attempt without chance.
DOCUMENTED = [
    (
        400,
        {"status": 400, "code": "VERSION_MISSING", "message": "A version must be present."},
        exceptions.VersionError,
        STOP,
    ),
    (
        426,
        {"status": 426, "code": "NONEXISTENT_VERSION", "message": "Requested version 20250601 is not active"},
        exceptions.VersionError,
        STOP,
    ),
    (401, unauthorized(65600, "INVALID_ACCESS_TOKEN", "Invalid access token"), exceptions.CredentialsError, REFRESH),
    (401, unauthorized(65601, "REVOKED_ACCESS_TOKEN", "revoked by the user"), exceptions.CredentialsError, STOP),
    (401, unauthorized(65602, "EXPIRED_ACCESS_TOKEN", "has expired"), exceptions.CredentialsError, REFRESH),
    (401, unauthorized(65604, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token"), exceptions.CredentialsError, REFRESH),
    (401, unauthorized(65608, "RESTRICTED_MEMBER", "Member is restricted"), exceptions.CredentialsError, STOP),
    (401, {"serviceErrorCode": 65602, "message": "has expired", "status": 401}, exceptions.CredentialsError, REFRESH),
    (401, {"message": "Unknown authentication schema", "status": 401}, exceptions.CredentialsError, REFRESH),
    (401, b"", exceptions.CredentialsError, REFRESH),
    (403, {"message": "No ad accounts found", "status": 403}, exceptions.AccessDeniedError, STOP),
    (403, {"status": 403, "code": "USER_NOT_AUTHORIZED", "message": "no"}, exceptions.AccessDeniedError, STOP),
    (
        403,
        {
            "status": 403,
            "serviceErrorCode": 100,
            "code": "ACCESS_DENIED",
            "message": "Not enough permissions to access: conversionEvents.CREATE.20260901",
        },
        exceptions.AccessDeniedError,
        STOP,
    ),
    (
        404,
        {"status": 404, "code": "RESOURCE_NOT_FOUND", "message": "No virtual resource found"},
        exceptions.NotFoundError,
        STOP,
    ),
    (405, {"status": 405, "message": "Method not allowed"}, exceptions.InvalidRequestError, STOP),
    (400, {"message": "Parameter 'account' is required", "status": 400}, exceptions.InvalidRequestError, STOP),
    (400, {"message": "old", "serviceErrorCode": 0, "status": 400}, exceptions.InvalidRequestError, STOP),
    (400, INPUT_ERRORS, exceptions.InvalidRequestError, STOP),
    (
        422,
        {"message": 'ERROR :: /a :: "X" is not an enum symbol\n', "status": 422},
        exceptions.InvalidRequestError,
        STOP,
    ),
    (408, b"", exceptions.ServerError, wait(1.0)),
    (409, {"status": 409, "code": "CONFLICT", "message": "again"}, exceptions.ConflictError, wait(1.0)),
    (411, b"", exceptions.InvalidRequestError, STOP),
    (412, b"", exceptions.InvalidRequestError, STOP),
    (413, b"", exceptions.TooLargeError, STOP),
    (414, b"", exceptions.TooLargeError, STOP),
    (415, b"", exceptions.InvalidRequestError, STOP),
    (
        429,
        {"status": 429, "serviceErrorCode": 101, "code": "TOO_MANY_REQUESTS", "message": THROTTLED},
        exceptions.RateLimitError,
        STOP,
    ),
    (
        429,
        {
            "status": 429,
            "message": "Resource level throttle MEMBER MINUTE limit for calls to this resource is reached.",
        },
        exceptions.RateLimitError,
        wait(1.0, everybody=True),
    ),
    (
        429,
        {"status": 429, "message": "Resource level throttle limit for calls to this resource is reached."},
        exceptions.RateLimitError,
        wait(1.0, everybody=True),
    ),
    (429, {"message": DATA_LIMIT, "status": 429}, exceptions.RateLimitError, wait(330.0, everybody=True)),
    (429, {"code": "SEGMENT_LIMIT_EXCEEDED", "message": "1000", "status": 429}, exceptions.RateLimitError, STOP),
    (429, b"", exceptions.RateLimitError, wait(1.0, everybody=True)),
    (500, {"status": 500, "message": "Internal Server Error"}, exceptions.ServerError, wait(1.0)),
    (502, b"<html>Bad Gateway</html>", exceptions.ForeignAnswerError, wait(1.0)),
    (503, b"", exceptions.ServerError, wait(1.0)),
    (504, b"<html>", exceptions.ForeignAnswerError, wait(1.0)),
]
