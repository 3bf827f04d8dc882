"""Licences: signed documents that say what a buyer may do with a photo, and prove it without asking us."""
