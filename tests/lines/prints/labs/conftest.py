import pytest

pytest.register_assert_rewrite("tests.lines.prints.labs.contract")
