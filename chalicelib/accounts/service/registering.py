"""Registering, and proving an address with the code that was sent there."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import cast, get_args

from chalicelib.accounts import passwords, store
from chalicelib.accounts.addresses import normal_address, normal_email, normal_phone
from chalicelib.accounts.model import Language, Phone, Purpose, Tokens, User, plain_name
from chalicelib.accounts.service import codes
from chalicelib.accounts.service.people import known_roles
from chalicelib.accounts.service.recovering import welcome
from chalicelib.accounts.service.sessions import start
from chalicelib.accounts.settings import SignUp
from chalicelib.configuration import service as configuration
from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, Forbidden, Invalid
from chalicelib.core.table import Write, transact
from chalicelib.organizations import service as organizations


def register(
    organization: str,
    *,
    email: str | None = None,
    phone: str | None = None,
    password: str,
    name: str,
    language: Language | None = None,
    source: str = "",
) -> None:
    """Send a code to a new address; tell the owner of a known one. Raises Invalid or Limited, alike.

    Raises Forbidden where nobody may register.

    With both, the e-mail address is proven now and the phone later. `source` is the address of origin.
    """
    address = normal_email(email) if email is not None else normal_address(email, phone)
    if not configuration.read(organization, SignUp).open:
        raise Forbidden("sign_up_closed", "New accounts are not taken at the moment.")
    phones = (Phone(normal_phone(phone)),) if phone is not None else ()
    asked = new_user(
        organization, address if email is not None else None, password, name, language, {"customer"}, phones
    )
    codes.count_code(organization, address, source)
    known = store.find_by_address(organization, address)
    writes: tuple[Write, ...]
    if known is None:
        writes = (*store.add(asked), *codes.begin(asked, Purpose.SIGN_UP, address))
    elif not known.verified:
        again = known.register_again(asked)
        writes = (store.save(again, was=known), *codes.begin(again, Purpose.SIGN_UP, address))
    else:
        writes = (codes.tell_owner(known),)
    with suppress(Conflict):  # the same address is registered at this very moment: that code is on its way
        transact(*writes)


def verify(
    organization: str,
    *,
    email: str | None = None,
    phone: str | None = None,
    code: str,
    password: str,
    device: str = "",
) -> Tokens:
    """Log in with the code that was sent and the password of the registration it was sent for.

    The password is asked for again because anybody may register an address: who owns it must not confirm, with the
    newest code that came, an account that somebody else holds the password of.
    Raises Invalid for a code that is wrong, used, expired or guessed too often, and for a wrong password alike.
    """
    address = normal_address(email, phone)
    refused = Invalid("invalid_code", "Code and password do not fit, or the code has expired.", field="code")
    user = store.find_by_address(organization, address)
    user_id = user.id if user else store.nobody(address)
    knows_password = passwords.matches(user.password if user else None, password)
    challenge = codes.confirm(organization, user_id, Purpose.SIGN_UP, code, refused)
    if user is None or not knows_password:
        raise refused
    verified = user.verify(clock.now())
    proven = (codes.use(challenge, refused), store.save(verified, was=user), *welcome(user))
    return start(verified, device, *proven)


def create_user(
    organization: str,
    *,
    email: str,
    password: str,
    name: str,
    roles: Iterable[str],
    language: Language | None = None,
    department: str | None = None,
    more: Iterable[Write] = (),
) -> User:
    """A user whose address needs no proof, committed with `more`. Raises Invalid, Conflict, Forbidden `plan_limit`."""
    asked = new_user(organization, normal_email(email), password, name, language, roles)
    user = replace(asked, verified_at=asked.created_at)
    transact(*more, *add_user(user, department))
    return user


def import_user(
    organization: str,
    *,
    email: str | None = None,
    phone: str | None = None,
    digest: str,
    name: str,
    roles: Iterable[str] = ("customer",),
    language: Language | None = None,
) -> User:
    """A user of another system, with the bcrypt digest of their password; the address was proven there.

    Raises Invalid, also for a digest of another kind, or Conflict for an address that has an account.
    """
    user = prepare_import(
        organization, email=email, phone=phone, digest=digest, name=name, roles=roles, language=language
    )
    add_imported(user)
    return user


def prepare_import(
    organization: str,
    *,
    email: str | None,
    phone: str | None,
    digest: str,
    name: str,
    roles: Iterable[str],
    language: str | None,
) -> User:
    """As `import_user`, with nothing stored yet. Raises Invalid."""
    if not passwords.is_foreign(digest):
        raise Invalid("unknown_digest", "Digests are bcrypt's, of a cost from 4 to 14.", field="digest")
    if language not in (None, *get_args(Language)):
        raise Invalid("unknown_language", f"Languages are {', '.join(get_args(Language))}.", field="language")
    address = normal_email(email) if email is not None else normal_address(email, phone)
    now = clock.now()
    user = User(
        id=ids.new("usr"),
        organization=organization,
        email=address if email is not None else None,
        name=plain_name(name),
        roles=known_roles(organization, roles),
        password=digest,
        language=cast(Language, language) if language else organizations.get(organization).language,
        verified_at=None,
        session_version=1,
        created_at=now,
        version=1,
        phones=(Phone(normal_phone(phone)),) if phone is not None else (),
    )
    return replace(user.verify(now), version=user.version)


def add_imported(user: User) -> None:
    """Raises Conflict for an address that has an account, Forbidden `plan_limit`."""
    transact(*add_user(user))


def add_user(user: User, department: str | None = None) -> list[Write]:
    """A new user, with a place among the members where their roles make them one."""
    staffing = organizations.staffing(
        user.organization, user.id, was=frozenset(), now=user.roles, department=department
    )
    return [*store.add(user), *staffing]


def new_user(
    organization: str,
    email: str | None,
    password: str,
    name: str,
    language: Language | None,
    roles: Iterable[str],
    phones: tuple[Phone, ...] = (),
) -> User:
    """The user that somebody asks for, nothing stored yet. Raises Invalid."""
    called = plain_name(name)
    passwords.check(password, address=email or phones[0].number, name=called)
    return User(
        id=ids.new("usr"),
        organization=organization,
        email=email,
        name=called,
        roles=known_roles(organization, roles),
        password=passwords.digest(password),
        language=language or organizations.get(organization).language,
        verified_at=None,
        session_version=1,
        created_at=clock.now(),
        version=1,
        phones=phones,
    )
