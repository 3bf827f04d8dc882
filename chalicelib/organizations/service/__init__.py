"""Organizations: founding one, its settings and plan, and which one a host speaks for."""

from chalicelib.organizations.model import label_from, masked
from chalicelib.organizations.plans import FIRST as FIRST_PLAN
from chalicelib.organizations.roles import STAFF
from chalicelib.organizations.service import settings
from chalicelib.organizations.service.banking import open_account, seal_account, set_bank_account
from chalicelib.organizations.service.domains import MISSED_DAYS, begin_due, look_again
from chalicelib.organizations.service.hosts import (
    LOOKED_EVERY,
    add_domain,
    by_domain,
    domains_of,
    forget_host,
    map_host,
    prove_domain,
    record_of,
    remove_domain,
    set_subdomain,
    tenant_of,
    url_of,
)
from chalicelib.organizations.service.settings import (
    DEFAULT,
    currency_of,
    get,
    known,
    origins_of,
    own,
    role_names,
    set_watermark_image,
    update,
    watermark_of,
)
from chalicelib.organizations.service.staff import (
    enlisting,
    find_member,
    may_give,
    members_of,
    moving,
    needs_desk,
    staffing,
)
from chalicelib.organizations.service.tenants import (
    create,
    founding,
    list_all,
    must_be_platform,
    resume,
    set_plan,
    show,
    suspend,
)
from chalicelib.organizations.service.usage import Usage, admit, must_have_room, usage_of, use

__all__ = [
    "DEFAULT",
    "FIRST_PLAN",
    "LOOKED_EVERY",
    "MISSED_DAYS",
    "STAFF",
    "Usage",
    "add_domain",
    "admit",
    "begin_due",
    "by_domain",
    "create",
    "currency_of",
    "domains_of",
    "enlisting",
    "find_member",
    "forget",
    "forget_host",
    "founding",
    "get",
    "known",
    "label_from",
    "list_all",
    "look_again",
    "map_host",
    "masked",
    "may_give",
    "members_of",
    "moving",
    "must_be_platform",
    "must_have_room",
    "needs_desk",
    "open_account",
    "origins_of",
    "own",
    "prove_domain",
    "record_of",
    "remove_domain",
    "resume",
    "role_names",
    "seal_account",
    "set_bank_account",
    "set_plan",
    "set_subdomain",
    "set_watermark_image",
    "show",
    "staffing",
    "suspend",
    "tenant_of",
    "update",
    "url_of",
    "usage_of",
    "use",
    "watermark_of",
]


def forget(organization: str | None = None) -> None:
    """Read again at the next use: after a change, and for tests that swap the database."""
    settings.forget(organization)
    if organization is None:
        forget_host()
