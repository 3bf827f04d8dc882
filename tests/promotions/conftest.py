from tests.orders.conftest import buyer, things

__all__ = ["buyer", "things"]
