"""Signing in with an account of somebody else's: Google, Apple, Facebook."""
