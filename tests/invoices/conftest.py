from tests.payments.conftest import buyer, gateway, order, payment, things
from tests.payments.refunds.test_service import paid

__all__ = ["buyer", "gateway", "order", "paid", "payment", "things"]
