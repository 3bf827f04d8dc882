"""What staff see of payments, and what they decide about money that came otherwise than agreed."""
