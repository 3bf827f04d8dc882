"""Favourites: what somebody likes of all that is sold."""
