"""What an organization may set about how it is paid."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from chalicelib.configuration.model import Section

_Amount = Annotated[int, Field(ge=0, le=10**12)]


class Choice(BaseModel):
    """A gateway by its name. It is offered for orders of `smallest` to `largest` minor units.

    With `hold` the money is set aside first, where the gateway can do so, and taken when the order is there to be paid.
    """

    model_config = Section.model_config

    method: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")
    enabled: bool = True
    smallest: _Amount = 0
    largest: _Amount | None = None
    hold: bool = False


class PaymentMethods(Section):
    section = "payments"

    methods: tuple[Choice, ...] = Field((), max_length=20)
    """In the order in which they are offered. What is not named is not; an empty list offers whatever could be, but for
    what is by choice."""
    transfer_days: int = Field(3, ge=1, le=14)
    """How long a bank transfer is waited for."""

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len({choice.method for choice in self.methods}) < len(self.methods):
            raise ValueError("a method stands twice")
        return self
