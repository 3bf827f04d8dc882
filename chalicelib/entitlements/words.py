"""The words of the download page."""

from typing import Any

WORDS: dict[str, dict[str, Any]] = {
    "th": {
        "title": "รูปของคุณ",
        "until": "ดาวน์โหลดได้ถึง {}",
        "over": "ดาวน์โหลดรูปจากหน้านี้ไม่ได้แล้ว หากต้องการความช่วยเหลือ กรุณาติดต่อผู้ขาย",
        "again": "หากดาวน์โหลดไม่สำเร็จ กดซ้ำได้ภายใน {} นาทีโดยไม่เสียสิทธิ์เพิ่ม",
        "left": "เหลือ {} จาก {} ครั้ง",
        "download": "ดาวน์โหลด",
        "states": {
            "download_revoked": "รูปนี้ถูกยกเลิกแล้ว",
            "download_expired": "หมดเวลาดาวน์โหลดแล้ว",
            "download_limit_reached": "ดาวน์โหลดครบตามจำนวนครั้งแล้ว",
        },
        "problems": {
            "download_not_found": (
                "ไม่พบหน้านี้",
                "ลิงก์อาจไม่สมบูรณ์ กรุณาเปิดลิงก์จากอีเมลอีกครั้ง หรือคัดลอกลิงก์ทั้งหมดมาวางในเบราว์เซอร์",
            ),
            "download_revoked": ("รูปนี้ถูกยกเลิกแล้ว", "หากคุณคิดว่าเป็นความผิดพลาด กรุณาติดต่อผู้ขาย"),
            "download_expired": ("หมดเวลาดาวน์โหลดแล้ว", "หากยังต้องการรูปนี้ กรุณาติดต่อผู้ขาย"),
            "download_limit_reached": (
                "ดาวน์โหลดครบตามจำนวนครั้งแล้ว",
                "หากยังต้องการรูปนี้ กรุณาติดต่อผู้ขาย",
            ),
        },
        "problem": ("ขณะนี้ดาวน์โหลดไม่ได้", "กรุณาลองใหม่อีกครั้งในอีกสักครู่"),
        "back": "กลับไปที่รูปของคุณ",
    },
    "en": {
        "title": "Your photos",
        "until": "Available until {}",
        "over": "There is nothing left to download here. Please contact the seller if you need help.",
        "again": "If a download fails, press again within {} minutes: it does not count twice.",
        "left": "{} of {} downloads left",
        "download": "Download",
        "states": {
            "download_revoked": "Withdrawn",
            "download_expired": "The time to download it is over",
            "download_limit_reached": "All downloads are used",
        },
        "problems": {
            "download_not_found": (
                "There is nothing here",
                "The link may be incomplete. Open it from your mail again, or copy the whole link.",
            ),
            "download_revoked": (
                "This photo was withdrawn",
                "Please contact the seller if you think this is a mistake.",
            ),
            "download_expired": (
                "The time to download is over",
                "Please contact the seller if you still need this photo.",
            ),
            "download_limit_reached": (
                "All downloads are used",
                "Please contact the seller if you still need this photo.",
            ),
        },
        "problem": ("This does not work right now", "Please try again in a moment."),
        "back": "Back to your photos",
    },
}
