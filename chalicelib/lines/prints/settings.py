"""What an organization may set about its prints."""

from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.configuration.model import Section

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Fee = Annotated[int, Field(ge=0, le=1_000_000)]


class Prints(Section):
    section = "prints"
    public = frozenset({"shipping"})

    shipping: Annotated[dict[Country, Fee], Field(default_factory=dict, max_length=250)]
    """Country (ISO 3166-1 alpha-2) -> what it costs to send a parcel there, in minor units. It goes nowhere else."""
