"""Wire shapes of reconciliations. Amounts are whole minor units of their currency."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from chalicelib.core.wire import Input, Output
from chalicelib.payments.reconciliations import model, service, statements

Column = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Mapping(Input):
    """Which columns hold what. `reference` is our id of the payment, as the gateway was told it."""

    reference: Column
    amount: Column = Field(description="In major units: `1,234.50`.")
    fee: Column | None = None
    currency: Column | None = Field(None, description="The organization's own without one.")

    def format(self) -> statements.Format:
        return statements.Format((self.reference,), "payment", self.amount, self.fee, self.currency)


class StatementOffer(Input):
    """`size` in bytes, `sha256` in hex, of the CSV file as it will be sent."""

    format: str | None = Field(
        None, pattern=r"^[a-z_]{1,40}$", description=f"One of {', '.join(statements.FORMATS)}; else name the columns."
    )
    gateway: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]{1,39}$", description="Whose it is, with `columns`.")
    columns: Mapping | None = None
    size: int = Field(ge=1, le=statements.LARGEST)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    since: AwareDatetime
    until: AwareDatetime = Field(description="The first moment that is not in it; an hour ago or more.")

    @model_validator(mode="after")
    def _one_format(self) -> Self:
        if (self.format is None) == (self.columns is None):
            raise ValueError("name either a format or the columns")
        return self

    def statement(self) -> service.Statement:
        format = self.columns.format() if self.columns else str(self.format)
        return service.Statement(self.gateway, format, self.sha256, self.size, self.since, self.until)


class UploadForm(Output):
    """Post `fields`, then the file as `file`, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class Totals(Output):
    captured_theirs: int
    captured_ours: int
    refunded_theirs: int
    refunded_ours: int
    fees_theirs: int
    fees_ours: int


class Reconciliation(Output):
    id: str
    gateway: str
    status: model.State = Field(validation_alias="state")
    since: datetime
    until: datetime
    rows: int
    row: int = Field(description="As far as it has been compared.")
    counts: dict[str, int] = Field(description="Rows that matched and that tell of other things, and each difference.")
    totals: dict[str, Totals] = Field(description="By currency.")
    reason: str | None = Field(description="Why it can not be read.")
    made_by: str | None
    made_at: datetime
    ended_at: datetime | None


class Offered(Output):
    reconciliation: Reconciliation
    form: UploadForm | None


class Difference(Output):
    number: int = Field(description="The row's; beyond all rows where the statement lacks it.")
    kind: model.Kind
    key: str
    payment_id: str | None = Field(validation_alias="payment")
    theirs: int | None
    ours: int | None
    currency: str | None
