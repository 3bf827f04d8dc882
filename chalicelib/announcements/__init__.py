"""Who wants to hear of an event, and what they are told: that its photos are up, and what its organizer announces."""
