"""Who carries notices. `email`, `sms` and `push` say what is asked of a carrier, and which one a stage has."""

from chalicelib.core.errors import Unprocessable


class Undeliverable(Unprocessable):
    """Nobody will ever take this notice, however often it is tried."""

    def __init__(self) -> None:
        super().__init__("undeliverable", "This address takes no messages of ours.")
