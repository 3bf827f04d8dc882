"""Accounts: registering, proving an address, logging in and out, and the tokens between.

Registering, resending and logging in answer alike for an address with and without an account, and work alike:
the same reads, one transaction, one Argon2.
"""

from chalicelib.accounts.addresses import is_phone, normal_address, normal_email, normal_phone
from chalicelib.accounts.model import CODE_LASTS
from chalicelib.accounts.passwords import digest as password_digest
from chalicelib.accounts.passwords import matches as password_matches
from chalicelib.accounts.service.codes import awaited as awaited_code
from chalicelib.accounts.service.codes import begin as begin_code
from chalicelib.accounts.service.codes import code_of, code_to_send, count_code, resend_code
from chalicelib.accounts.service.codes import confirm as confirm_code
from chalicelib.accounts.service.codes import issue as issue_code
from chalicelib.accounts.service.codes import use as use_code
from chalicelib.accounts.service.founding import enter, found_organization
from chalicelib.accounts.service.links import follow_link, link_of, open_link
from chalicelib.accounts.service.people import (
    email_of,
    find_by_address,
    find_by_email,
    find_user,
    find_users,
    get_user,
    known_roles,
    me,
    proven_address,
    rename,
    set_roles,
    transfer_ownership,
)
from chalicelib.accounts.service.privacy import erase_person, leave_staff, membership, personal_data, shut
from chalicelib.accounts.service.proving import (
    add_phone,
    change_email,
    change_phone,
    prove_email,
    remove_phone,
)
from chalicelib.accounts.service.recovering import change_password, forgot_password, reset_password
from chalicelib.accounts.service.registering import (
    add_imported,
    create_user,
    import_user,
    prepare_import,
    register,
    verify,
)
from chalicelib.accounts.service.second_step import log_in_with_second_factor
from chalicelib.accounts.service.sessions import (
    end_session,
    list_sessions,
    log_in,
    log_out,
    refresh,
    session_lives,
    sign_out,
    stands,
    start,
)
from chalicelib.accounts.store import find_session

__all__ = [
    "CODE_LASTS",
    "add_imported",
    "add_phone",
    "awaited_code",
    "begin_code",
    "change_email",
    "change_password",
    "change_phone",
    "code_of",
    "code_to_send",
    "confirm_code",
    "count_code",
    "create_user",
    "email_of",
    "end_session",
    "enter",
    "erase_person",
    "find_by_address",
    "find_by_email",
    "find_session",
    "find_user",
    "find_users",
    "follow_link",
    "forgot_password",
    "found_organization",
    "get_user",
    "import_user",
    "is_phone",
    "issue_code",
    "known_roles",
    "leave_staff",
    "link_of",
    "list_sessions",
    "log_in",
    "log_in_with_second_factor",
    "log_out",
    "me",
    "membership",
    "normal_address",
    "normal_email",
    "normal_phone",
    "open_link",
    "password_digest",
    "password_matches",
    "personal_data",
    "prepare_import",
    "prove_email",
    "proven_address",
    "refresh",
    "register",
    "remove_phone",
    "rename",
    "resend_code",
    "reset_password",
    "session_lives",
    "set_roles",
    "shut",
    "sign_out",
    "stands",
    "start",
    "transfer_ownership",
    "use_code",
    "verify",
]
