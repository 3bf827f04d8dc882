"""The errors a caller can meet. Anything else that is raised is a bug and answers 500.

`code` is part of the API: clients branch on it, so it never changes once shipped. `message` is for a person
and may.
"""

from typing import ClassVar


class AppError(Exception):
    """`field` names the input at fault, dotted (`files.3.sha256`); `retry_after` is in seconds."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, message: str, *, field: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field
        self.retry_after = retry_after


class Invalid(AppError):
    status = 400


class Unauthorized(AppError):
    status = 401


class Forbidden(AppError):
    status = 403


class NotFound(AppError):
    status = 404


class MethodNotAllowed(AppError):
    status = 405


class Conflict(AppError):
    status = 409


class TooLarge(AppError):
    status = 413


class UnsupportedType(AppError):
    status = 415


class Unprocessable(AppError):
    status = 422


class Limited(AppError):
    status = 429


class Unavailable(AppError):
    status = 503


class InvalidFields(Invalid):
    """Several inputs at fault at once: `fields` holds (field, code, message)."""

    def __init__(self, fields: list[tuple[str, str, str]]) -> None:
        super().__init__("validation_failed", "Some fields are not valid.")
        self.fields = fields
