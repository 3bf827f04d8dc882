"""Notices that wait for the end of somebody's quiet hours."""
