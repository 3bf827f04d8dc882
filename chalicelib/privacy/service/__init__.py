"""Privacy: consents, exports, erasures and their receipts, a file each."""
