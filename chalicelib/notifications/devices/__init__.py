"""Phones and browsers that ring when something new is in the inbox of who uses them."""
