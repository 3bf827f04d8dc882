"""The words of the invitation's page."""

from typing import Any

WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "title": "You are invited",
        "lead": "Choose a name and a password, and you are part of the team.",
        "email": "E-mail address",
        "name": "Your name",
        "password": "Password, 8 characters or more",
        "join": "Join",
        "welcome": "Welcome! From now on you can log in with your e-mail address and this password.",
        "problem": "This does not work right now. Please check what you wrote and try again.",
        "problems": {
            "invitation_not_found": "This link does not work any more. Please ask for another invitation.",
            "invalid_name": "Please write your name on one line.",
            "password_length": "Please choose a password of 8 to 128 characters.",
            "password_simple": "This password is guessed at once. Please choose another one.",
            "password_common": "Many people have this password. Please choose another one.",
            "password_personal": "Your e-mail address or name is no password.",
            "email_taken": "This address has an account already. Please log in, and ask for your roles.",
            "plan_limit": "There is no place left in the team. Please tell who invited you.",
        },
    },
    "th": {
        "title": "คุณได้รับเชิญ",
        "lead": "ตั้งชื่อและรหัสผ่าน แล้วคุณก็เป็นส่วนหนึ่งของทีม",
        "email": "อีเมล",
        "name": "ชื่อของคุณ",
        "password": "รหัสผ่าน อย่างน้อย 8 ตัวอักษร",
        "join": "เข้าร่วม",
        "welcome": "ยินดีต้อนรับ! จากนี้คุณเข้าสู่ระบบด้วยอีเมลและรหัสผ่านนี้ได้เลย",
        "problem": "ขณะนี้ทำรายการไม่ได้ กรุณาตรวจสอบข้อมูลแล้วลองใหม่อีกครั้ง",
        "problems": {
            "invitation_not_found": "ลิงก์นี้ใช้ไม่ได้แล้ว กรุณาขอคำเชิญใหม่",
            "invalid_name": "กรุณาเขียนชื่อของคุณในบรรทัดเดียว",
            "password_length": "กรุณาตั้งรหัสผ่าน 8 ถึง 128 ตัวอักษร",
            "password_simple": "รหัสผ่านนี้เดาได้ทันที กรุณาเลือกรหัสอื่น",
            "password_common": "มีคนใช้รหัสผ่านนี้จำนวนมาก กรุณาเลือกรหัสอื่น",
            "password_personal": "อีเมลหรือชื่อของคุณใช้เป็นรหัสผ่านไม่ได้",
            "email_taken": "อีเมลนี้มีบัญชีอยู่แล้ว กรุณาเข้าสู่ระบบและขอสิทธิ์จากผู้เชิญ",
            "plan_limit": "ทีมเต็มแล้ว กรุณาแจ้งผู้ที่เชิญคุณ",
        },
    },
}
