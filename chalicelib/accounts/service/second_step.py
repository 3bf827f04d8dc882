"""The second step of a log-in that asks for a second factor."""

from chalicelib.accounts.model import Tokens
from chalicelib.accounts.second_factor import service as second_factor
from chalicelib.accounts.service.sessions import start


def log_in_with_second_factor(
    organization: str, *, challenge: str, code: str, device: str = "", source: str = ""
) -> Tokens:
    """Start the session that a log-in asked a code for. Raises Unauthorized, Invalid for a wrong code, Limited."""
    user = second_factor.challenged(organization, challenge)
    return start(user, device, *second_factor.proof(user, code, source=source))
