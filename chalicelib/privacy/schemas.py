"""Privacy on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.privacy.model import ConsentKind, ErasureState, ExportState, Scope


class Answer(Input):
    """`wording` names the text that was shown, like `2026-11`."""

    kind: ConsentKind
    granted: bool
    wording: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$", max_length=40)]


class Consent(Output):
    kind: ConsentKind
    granted: bool
    wording: str
    at: datetime


class Consents(Output):
    items: list[Consent]


class Export(Output):
    id: str
    state: ExportState
    created_at: datetime
    expires_at: datetime
    size: int | None


class Exports(Output):
    items: list[Export]


class ErasureRequest(Input):
    scope: Scope


class Erasure(Output):
    id: str
    scope: Scope
    state: ErasureState
    asked_at: datetime
    due_at: datetime
