"""Mails that come back, from SES's events over the stack's own topic and queue to the list of who is mailed no more."""

import pytest

pytestmark = pytest.mark.system

PASSWORD = "a long enough phrase"


def test_an_address_that_bounces_is_on_the_list_of_the_staff_and_mailed_no_more(running):
    email, staff = "bounce+newcomer@simulator.amazonses.com", running.person("admin")
    newcomer = {"email": email, "password": PASSWORD, "name": "Nok"}
    running.stranger().post("/auth/register", newcomer, expect=202)

    def found() -> dict[str, object] | None:
        items = staff.get("/admin/notifications/suppressions", email=email)["items"]
        return items[0] if items else None

    entry = running.soon(found, "the bounce")
    assert (entry["email"], entry["reason"], entry["detail"]) == (email, "bounced", "5.1.1")

    running.stranger().post("/auth/resend", {"email": email}, expect=202)
    running.quiet()

    assert len(running.mails_to(email)) == 1
