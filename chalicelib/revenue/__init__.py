"""Who earns what of a sale: rules, shares of an order's lines, and what they come to."""
