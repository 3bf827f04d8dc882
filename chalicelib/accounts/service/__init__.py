"""Accounts: registering, proving an address, logging in and out, and the tokens between.

Registering, resending and logging in answer alike for an address with and without an account, and work alike:
the same reads, one transaction, one Argon2.
"""

from chalicelib.accounts.model import normal_email
from chalicelib.accounts.service.codes import code_of, code_to_mail, resend_code
from chalicelib.accounts.service.people import find_by_email, find_user, get_user, me, set_roles
from chalicelib.accounts.service.registering import create_user, register, verify_email
from chalicelib.accounts.service.sessions import log_in, log_out, refresh, session_lives

__all__ = [
    "code_of",
    "code_to_mail",
    "create_user",
    "find_by_email",
    "find_user",
    "get_user",
    "log_in",
    "log_out",
    "me",
    "normal_email",
    "refresh",
    "register",
    "resend_code",
    "session_lives",
    "set_roles",
    "verify_email",
]
