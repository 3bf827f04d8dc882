"""Disputes: a buyer's bank wants money back, holds it, and decides. What it keeps is a refund nobody gave."""
