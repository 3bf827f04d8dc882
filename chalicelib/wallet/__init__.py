"""Credit that people hold with an organization: granted, bought, spent, expired; every movement is in the ledger."""
