"""Codes that take something off a price."""
