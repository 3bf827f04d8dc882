"""Who may do what. A role is a row, a permission a word in it; routes name the permission they need."""

PHOTOGRAPHER = frozenset({"photo.upload"})

STAFF = frozenset(
    {
        "event.assign",
        "event.manage",
        "operations.read",
        "order.read_all",
        "organization.manage",
        "payment.read_all",
        "photo.read_all",
        "photo.review",
        "user.manage",
    }
)

ROLES: dict[str, frozenset[str]] = {
    "admin": STAFF | PHOTOGRAPHER,
    "photographer": PHOTOGRAPHER,
    "customer": frozenset(),
}

GUARDED: frozenset[str] = STAFF - {"operations.read", "photo.read_all"}
"""Permissions worth two more reads a request: a token that has one is good only while its session goes on."""
