from tests.payments.conftest import buyer, gateway, order, payment, things

__all__ = ["buyer", "gateway", "order", "payment", "things"]
