"""Bank transfers: a buyer sends money and a slip, two people of the staff agree that it came."""
