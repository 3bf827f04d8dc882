"""What staff do with orders."""
