"""What an organization may set about its accounts."""

from chalicelib.configuration.model import Section


class SignUp(Section):
    section = "sign_up"
    public = frozenset({"open"})

    open: bool = True
    """Whether strangers may register. Invited people and those with an account are not concerned."""
