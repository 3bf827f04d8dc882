"""Who may do what. A row is a permission and the roles that have it; routes name the permission they need."""

from collections.abc import Iterable

NAMES = (
    "owner", "admin", "manager", "support", "analyst", "operator", "photographer", "courier", "customer",
    "platform_admin",
)  # fmt: skip
"""All roles, those with most rights first. `platform_admin` is for people of the deployment's own organization."""

GRANTS: dict[str, str] = {
    "api_key.manage":      "owner admin",
    "audit.read":          "owner admin platform_admin",
    "credit.manage":       "owner admin",
    "domain.manage":       "owner admin",
    "download.manage":     "owner admin manager support",
    "event.assign":        "owner admin manager",
    "event.manage":        "owner admin manager",
    "member.manage":       "owner admin manager",
    "member.read":         "owner admin manager support analyst operator",
    "operations.read":     "owner admin platform_admin",
    "order.manage":        "owner admin manager support",
    "order.read_all":      "owner admin manager support analyst operator",
    "organization.manage": "owner admin manager",
    "organization.own":    "owner",
    "payment.manage":      "owner admin manager",
    "payment.read_all":    "owner admin manager support analyst",
    "payout.approve":      "owner admin",
    "payout.manage":       "owner admin manager",
    "photo.read_all":      "owner admin manager support operator",
    "photo.review":        "owner admin manager operator",
    "photo.upload":        "owner admin manager photographer",
    "platform.manage":     "platform_admin",
    "promotion.manage":    "owner admin manager",
    "revenue.manage":      "owner admin",
    "revenue.read":        "owner admin manager analyst",
    "settings.manage":     "owner admin",
    "user.manage":         "owner admin",
    "verification.review": "owner admin manager support",
    "webhook.manage":      "owner admin",
}  # fmt: skip

ROLES: dict[str, frozenset[str]] = {
    name: frozenset(permission for permission, holders in GRANTS.items() if name in holders.split()) for name in NAMES
}

GUARDED: frozenset[str] = frozenset(GRANTS) - {"operations.read", "photo.read_all", "photo.upload"}
"""Permissions worth two more reads a request: a token that has one is good only while its session goes on."""

STAFF: frozenset[str] = frozenset(NAMES) - {"courier", "customer", "photographer"}
"""Roles that work for an organization at a desk: a plan counts those who have one."""


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """What somebody with these roles may do; a role that is not known gives nothing."""
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))
