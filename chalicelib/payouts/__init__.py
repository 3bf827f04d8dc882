"""What is owed to photographers and organizers is paid out: each booking once, approved by a second person."""
