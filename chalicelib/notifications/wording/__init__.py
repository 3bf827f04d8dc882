"""Notices in an organization's own words, which take the place of the product's."""
