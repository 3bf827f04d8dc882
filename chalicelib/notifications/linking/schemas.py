"""Linking on the wire."""

from datetime import datetime

from pydantic import Field

from chalicelib.core.wire import Output


class Invitation(Output):
    code: str = Field(description="To be sent to the organization's account on LINE.")
    link: str = Field(description="Opens LINE there, with the code typed in.")
    expires_at: datetime
