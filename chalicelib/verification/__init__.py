"""Verification: how far somebody is proven to be who they say they are."""
