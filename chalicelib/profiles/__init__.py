"""Profiles: what people tell of themselves, their picture, where things are sent, and what they like."""
