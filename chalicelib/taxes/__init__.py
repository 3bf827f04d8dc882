"""What of a sale is tax: dated rates by class of product, the tax of a quote, and its account in the ledger."""
