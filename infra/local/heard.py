"""What a client of the websockets keeps, in the shape that every client needs: docs/api.md, "Real time"."""

from collections.abc import Mapping
from typing import Any

Frame = Mapping[str, Any]


class Heard:
    """Each fact once and in order, whatever comes twice or too early. `positions` are those of the ticket."""

    def __init__(self, positions: Mapping[str, str]) -> None:
        self.positions = dict(positions)
        self.facts: list[Frame] = []
        self.incomplete: list[str] = []
        """Groups of which something is forgotten: what they are about must be loaded anew."""

    def take(self, frame: Frame) -> Frame | None:
        """Take what came; returns what to say next, if anything."""
        match frame["type"]:
            case "Subscribed":
                self.positions.setdefault(frame["group"], frame["cursor"])
            case "Resumed":
                for fact in frame["facts"]:
                    self._keep(fact)
                self.positions[frame["group"]] = max(frame["cursor"], self.positions[frame["group"]])
                if not frame["complete"]:
                    self.incomplete.append(frame["group"])
                return self._resume(frame["group"]) if frame["more"] else None
            case _ if "cursor" in frame and frame["group"] in self.positions:
                if frame["after"] is not None and frame["after"] > self.positions[frame["group"]]:
                    return self._resume(frame["group"])  # something before it is on its way, or was lost
                self._keep(frame)
        return None

    def resume(self) -> list[Frame]:
        """What to say first on a new connection."""
        return [self._resume(group) for group in self.positions]

    def _resume(self, group: str) -> Frame:
        return {"action": "resume", "group": group, "cursor": self.positions[group]}

    def _keep(self, fact: Frame) -> None:
        if fact["cursor"] > self.positions[fact["group"]]:
            self.positions[fact["group"]] = fact["cursor"]
            self.facts.append(fact)
