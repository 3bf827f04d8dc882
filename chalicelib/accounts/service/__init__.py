"""Accounts: registering, proving an address, logging in and out, and the tokens between.

Registering, resending and logging in answer alike for an address with and without an account, and work alike:
the same reads, one transaction, one Argon2.
"""

from chalicelib.accounts.addresses import is_phone, normal_email, normal_phone
from chalicelib.accounts.service.codes import begin as begin_code
from chalicelib.accounts.service.codes import code_of, code_to_send, count_code, resend_code
from chalicelib.accounts.service.codes import confirm as confirm_code
from chalicelib.accounts.service.codes import use as use_code
from chalicelib.accounts.service.people import find_by_address, find_by_email, find_user, get_user, me, set_roles
from chalicelib.accounts.service.registering import create_user, register, verify
from chalicelib.accounts.service.second_step import log_in_with_second_factor
from chalicelib.accounts.service.sessions import log_in, log_out, refresh, session_lives

__all__ = [
    "begin_code",
    "code_of",
    "code_to_send",
    "confirm_code",
    "count_code",
    "create_user",
    "find_by_address",
    "find_by_email",
    "find_user",
    "get_user",
    "is_phone",
    "log_in",
    "log_in_with_second_factor",
    "log_out",
    "me",
    "normal_email",
    "normal_phone",
    "refresh",
    "register",
    "resend_code",
    "session_lives",
    "set_roles",
    "use_code",
    "verify",
]
