"""What an audit says."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Difference:
    """`check` and `subject` say what does not agree; `text` says how."""

    check: str
    subject: str
    text: str = field(compare=False)


@dataclass
class Report:
    """What was looked at, by check, and what does not agree."""

    looked_at: Counter[str]
    differences: list[Difference]
