"""What an organization may set about its sales."""

from chalicelib.configuration.model import Section


class Sales(Section):
    section = "sales"
    public = frozenset({"open"})

    open: bool = True
    """Whether orders are taken. Those that were placed are paid and delivered all the same."""
