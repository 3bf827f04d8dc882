"""All photos of an order in one ZIP file, built from storage to storage in little memory."""
