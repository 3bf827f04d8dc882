"""What DynamoDB and its neighbours answer when it is not now, and what an item of a newer release is."""

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from pynamodb.exceptions import PynamoDBException, VerboseClientError

from chalicelib.core.errors import Unavailable

_BUSY = {
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
"""Error codes of the services we call, and DynamoDB's reasons to cancel a transaction, that mean: later."""


class NewerRelease(Unavailable):
    """An item comes from a newer release, and this one can not read or replace it without harm.

    Seen while a release is being deployed, when the next try meets the new code, and after one was taken back.
    """

    def __init__(self) -> None:
        super().__init__("newer_release", "This was changed by a newer release. Try again in a moment.", retry_after=5)


def error_code(failure: PynamoDBException) -> str | None:
    """DynamoDB's code for a failure, None where no answer came.

    PynamoDB's own `cause_response_code` raises for a time-out, which has a `response` that is None.
    """
    return failure.cause_response_code if isinstance(failure.cause, ClientError) else None


def is_busy(failure: BaseException) -> bool:
    """Whether an exception says that AWS could not answer now, as opposed to a bug of ours."""
    if isinstance(failure, PynamoDBException):
        return failure.cause is not None and is_busy(failure.cause)
    if isinstance(failure, ClientError):
        codes = {failure.response.get("Error", {}).get("Code")}
        if isinstance(failure, VerboseClientError):
            codes |= {reason.code for reason in failure.cancellation_reasons if reason}
        status = failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or not codes.isdisjoint(_BUSY)
    return isinstance(failure, BotoCoreError) and not isinstance(failure, ParamValidationError)
