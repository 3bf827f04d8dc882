"""Profiles: what people tell of themselves, their picture, their addresses, and what they like."""

from chalicelib.profiles.service.addresses import (
    add_address,
    change_address,
    list_addresses,
    make_default,
    remove_address,
)
from chalicelib.profiles.service.avatars import begin_avatar, drop_picture, remove_avatar, take_avatar
from chalicelib.profiles.service.favorites import add_favorite, is_favorite, list_favorites, remove_favorite
from chalicelib.profiles.service.people import change_profile, show_profile
from chalicelib.profiles.service.privacy import erase_person, own_files, personal_data

__all__ = [
    "add_address",
    "add_favorite",
    "begin_avatar",
    "change_address",
    "change_profile",
    "drop_picture",
    "erase_person",
    "is_favorite",
    "list_addresses",
    "list_favorites",
    "make_default",
    "own_files",
    "personal_data",
    "remove_address",
    "remove_avatar",
    "remove_favorite",
    "show_profile",
    "take_avatar",
]
