"""The words of the pages behind the links of mails."""

from typing import Any

from chalicelib.accounts.model import Purpose

Words = dict[str, Any]
"""By language."""

_KNOWN_EN = {"field": "Your password", "autocomplete": "current-password"}
_KNOWN_TH = {"field": "รหัสผ่านของคุณ", "autocomplete": "current-password"}

WORDS: dict[Purpose, Words] = {
    Purpose.SIGN_UP: {
        "en": _KNOWN_EN
        | {
            "title": "Open your account",
            "lead": "Enter the password that you chose when you signed up.",
            "button": "Open the account",
        },
        "th": _KNOWN_TH | {"title": "เปิดบัญชีของคุณ", "lead": "กรุณากรอกรหัสผ่านที่คุณตั้งไว้ตอนสมัคร", "button": "เปิดบัญชี"},
    },
    Purpose.VERIFY_EMAIL: {
        "en": _KNOWN_EN
        | {
            "title": "Confirm this address",
            "lead": "Enter the password of your account, and this e-mail address is part of it.",
            "button": "Confirm",
        },
        "th": _KNOWN_TH | {"title": "ยืนยันอีเมลนี้", "lead": "กรุณากรอกรหัสผ่านของบัญชี เพื่อใช้อีเมลนี้กับบัญชีของคุณ", "button": "ยืนยัน"},
    },
    Purpose.RESET_PASSWORD: {
        "en": {
            "title": "Choose a new password",
            "lead": "Eight signs or more. All devices are logged out.",
            "field": "New password",
            "autocomplete": "new-password",
            "button": "Save the password",
        },
        "th": {
            "title": "ตั้งรหัสผ่านใหม่",
            "lead": "อย่างน้อย 8 ตัวอักษร ทุกอุปกรณ์จะถูกออกจากระบบ",
            "field": "รหัสผ่านใหม่",
            "autocomplete": "new-password",
            "button": "บันทึกรหัสผ่าน",
        },
    },
}
"""Of the forms."""

DONE: dict[Purpose, Words] = {
    Purpose.SIGN_UP: {
        "en": ("Your account is open", "You can log in now."),
        "th": ("เปิดบัญชีแล้ว", "คุณสามารถเข้าสู่ระบบได้ทันที"),
    },
    Purpose.VERIFY_EMAIL: {
        "en": ("This address is yours", "From now on you log in with it."),
        "th": ("ยืนยันอีเมลแล้ว", "คุณสามารถเข้าสู่ระบบด้วยอีเมลนี้ได้ตั้งแต่บัดนี้"),
    },
    Purpose.RESET_PASSWORD: {
        "en": ("Your password is changed", "You can log in with it now."),
        "th": ("เปลี่ยนรหัสผ่านแล้ว", "คุณสามารถเข้าสู่ระบบด้วยรหัสผ่านใหม่ได้ทันที"),
    },
}

PROBLEMS: dict[str, Words] = {
    "link_over": {
        "en": ("This link is over", "It has been used, or it has expired. Ask for another mail."),
        "th": ("ลิงก์นี้ใช้ไม่ได้แล้ว", "ลิงก์ถูกใช้ไปแล้วหรือหมดอายุ กรุณาขออีเมลใหม่อีกครั้ง"),
    },
    "email_taken": {
        "en": ("This address has an account", "Log in with it, or name another address."),
        "th": ("อีเมลนี้มีบัญชีอยู่แล้ว", "กรุณาเข้าสู่ระบบ หรือใช้อีเมลอื่น"),
    },
    "wrong_password": {"en": "This is not the password of the account.", "th": "รหัสผ่านไม่ถูกต้อง"},
    "password": {
        "en": "Choose another password: eight signs or more, and none that is easily guessed.",
        "th": "กรุณาตั้งรหัสผ่านอื่นที่ยาวอย่างน้อย 8 ตัวอักษรและเดาได้ยาก",
    },
    "now": {
        "en": ("This does not work right now", "Please try again in a moment."),
        "th": ("ขณะนี้ทำรายการไม่ได้", "กรุณาลองใหม่อีกครั้งในอีกสักครู่"),
    },
}
