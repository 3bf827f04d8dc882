"""Wire shapes of the table of taxes. Rates are thousandths of a percent."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output, Query
from chalicelib.events.schemas import Day
from chalicelib.taxes import model, service

Name = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
Class = Annotated[str, StringConstraints(min_length=1, max_length=20)]


class NewRate(Input):
    tax_class: Class = Field(description="One of the table's `classes`.")
    name: Name = Field(description="What buyers read: VAT.")
    rate: int = Field(ge=0, le=model.WHOLE, description="Thousandths of a percent: 7000 are 7 %, 8875 are 8.875 %.")
    inclusive: bool = Field(True, description="It is in the price; else it is put on top.")
    valid_from: Day = Field(description="In the organization's zone; until the next rate of the class begins.")

    def told(self) -> model.Rate:
        return model.Rate(self.tax_class, self.name, self.rate, self.inclusive, self.valid_from)


class NewTaxTable(Input):
    rates: list[NewRate] = Field(max_length=model.MOST_RATES, description="All of them, those in force unchanged.")
    rounding: model.Rounding = Field(
        model.Rounding.LINE, strict=False, description="`line`, or `order`: rounded once for all lines with one rate."
    )
    version: int = Field(ge=0, le=1 << 31, description="As the table was read; 0 where there is none yet.")


class Period(Query):
    first: Day | None = Field(None, alias="from", description="Without it from the beginning of the last day's month.")
    last: Day | None = Field(None, alias="to", description="Without it until the end of last month.")
    format: Literal["json", "csv"] = "json"


class TaxTotal(Output):
    """Amounts are whole minor units; `due` is `tax` without what went back of it."""

    tax_class: str
    name: str
    rate: int
    inclusive: bool
    base: int
    tax: int
    reversed_base: int = Field(validation_alias="base_back")
    reversed_tax: int = Field(validation_alias="tax_back")
    due: int


class Report(Output):
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    currency: str
    items: list[TaxTotal] = Field(validation_alias="totals")
    due: int = Field(description="By how much the ledger's account of taxes changed in these days.")


class Rate(Output):
    tax_class: str
    name: str
    rate: int
    inclusive: bool
    valid_from: date


class TaxTable(Output):
    rates: list[Rate]
    rounding: model.Rounding
    classes: list[str] = Field(description="What is sold, by how it is taxed.")
    version: int

    @classmethod
    def of(cls, table: model.TaxTable) -> Self:
        rates = [Rate.model_validate(rate) for rate in table.rates]
        return cls(rates=rates, rounding=table.rounding, classes=service.classes(), version=table.version)
