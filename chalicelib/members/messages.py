"""What members tell."""

from chalicelib.core.queues import Fact


class MemberInvited(Fact):
    """Somebody is asked to join: mail the link that belongs to `nonce`."""

    invitation: str
    nonce: str
