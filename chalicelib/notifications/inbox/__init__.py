"""What people with an account were told: kept for them to read in the app, and counted while they have not."""
