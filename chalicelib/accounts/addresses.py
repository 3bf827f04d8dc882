"""Where people are reached, and what they log in with: an e-mail address or a mobile number. Each has one spelling."""

from chalicelib.core.errors import Invalid


def normal_email(text: str) -> str:
    """An address as it is compared and written to: ASCII (punycode), lower case. Raises Invalid."""
    from email_validator import EmailNotValidError, validate_email  # 20 ms that few requests need

    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as failure:
        raise Invalid("invalid_email", "This is not an e-mail address we can write to.", field="email") from failure
    assert found.ascii_email is not None  # allow_smtputf8=False says so
    return found.ascii_email.lower()


def normal_phone(text: str) -> str:
    """A mobile number as it is compared and texted: E.164, `+66812345678`. Raises Invalid.

    Landlines take no texts, and a premium number would earn from every code that it asks for.
    """
    import phonenumbers

    refused = Invalid("invalid_phone", "Write a mobile number with its country, like +66812345678.", field="phone")
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as failure:
        raise refused from failure
    mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if number.extension or not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in mobile:
        raise refused
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normal_address(email: str | None, phone: str | None) -> str:
    """The one that is given, in its normal form. Raises Invalid for none, and for both."""
    if (email is None) == (phone is None):
        raise Invalid("address_required", "Name either an e-mail address or a phone number.", field="email")
    return normal_email(email) if email is not None else normal_phone(phone or "")


def is_phone(address: str) -> bool:
    """Of an address in its normal form."""
    return "@" not in address
