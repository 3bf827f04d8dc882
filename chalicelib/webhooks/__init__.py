"""Telling other systems of an organization what happens: signed calls to addresses that its staff name."""
