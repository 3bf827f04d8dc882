"""Faces, use case by use case: recognition, indexing, searching, blocking, staff, privacy."""

from chalicelib.faces.service.blocking import let_go, unblock
from chalicelib.faces.service.indexing import forget_photo, look_at
from chalicelib.faces.service.privacy import erase_person, personal_data
from chalicelib.faces.service.recognition import (
    Basis,
    begin,
    forget_index,
    give_up,
    give_up_due,
    recognition_of,
    recognize,
)
from chalicelib.faces.service.searching import Found, ask, delete_selfies, note_feedback, results, run, status
from chalicelib.faces.service.staff import blocks, faces_of, fill, group, groups, verify

__all__ = [
    "Basis",
    "Found",
    "ask",
    "begin",
    "blocks",
    "delete_selfies",
    "erase_person",
    "faces_of",
    "fill",
    "forget_index",
    "forget_photo",
    "give_up",
    "give_up_due",
    "group",
    "groups",
    "let_go",
    "look_at",
    "note_feedback",
    "personal_data",
    "recognition_of",
    "recognize",
    "results",
    "run",
    "status",
    "unblock",
    "verify",
]
