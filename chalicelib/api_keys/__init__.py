"""Keys that other systems call with, in the name of an organization and for what a person allowed them."""
