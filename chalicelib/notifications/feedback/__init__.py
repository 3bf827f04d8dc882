"""What becomes of mails: addresses that bounce or complain are mailed no more, until staff say otherwise."""
