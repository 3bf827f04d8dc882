"""Reconciliation: what a gateway's statement says, beside what is booked."""
