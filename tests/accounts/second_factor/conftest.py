from collections.abc import Callable
from datetime import timedelta

import pytest
from pyotp import TOTP

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens, User
from chalicelib.accounts.second_factor import service
from chalicelib.accounts.second_factor.model import Asked, Setup
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.table import transact
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, log_in, principal_of

STEP = timedelta(seconds=30)


def code_of(setup: Setup, later: timedelta = timedelta(0)) -> str:
    """What the owner's app shows."""
    return TOTP(setup.secret).at(clock.now() + later)


def challenge_of(email: str = EMAIL) -> Asked:
    asked = accounts.log_in(ORG, email=email, password=PASSWORD)
    assert isinstance(asked, Asked)
    return asked


def finish(challenge: str, code: str) -> Tokens:
    return accounts.log_in_with_second_factor(ORG, challenge=challenge, code=code)


@pytest.fixture
def session(anna: User) -> Principal:
    """Anna, who logged in a moment ago."""
    return principal_of(log_in())


@pytest.fixture
def enrolled(session: Principal) -> Setup:
    """Anna's app; the code of a minute ago has enabled it."""
    with clock.travel(-2 * STEP):
        setup = service.set_up(session)
        service.enable(session, code_of(setup))
    return setup


@pytest.fixture
def require() -> Callable[..., None]:
    def require(*roles: str) -> None:
        was = service.policy(ORG)
        wanted = service.Policy(ORG, frozenset(roles), was.version + 1)
        transact(service.store.save_policy(wanted, was=was))

    return require
