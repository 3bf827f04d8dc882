import pytest

from chalicelib.core.http import Access, Api
from chalicelib.organizations import service
from chalicelib.organizations.roles import GUARDED, ROLES
from chalicelib.organizations.routes import routes
from infra.local.gateway import Gateway


@pytest.fixture
def gateway():
    service.forget()
    access = Access(
        permissions=ROLES,
        guarded=GUARDED,
        tenant_of=service.tenant_of,
        session_lives=lambda principal: principal.version == 1,
        origins_of=service.origins_of,
    )
    api = Api("t", access)
    api.mount(routes)
    yield Gateway(api)
    service.forget()
