"""The words of the page behind the links of messages about events, by language."""

from collections.abc import Mapping

from chalicelib.announcements.service.links import Act

WORDS: Mapping[Act, Mapping[str, Mapping[str, str]]] = {
    "confirm": {
        "en": {
            "title": "Shall we tell you?",
            "lead": "We write to you when the photos are up, and when the organizer has news.",
            "button": "Tell me",
        },
        "th": {
            "title": "ให้เราแจ้งคุณไหม",
            "lead": "เราจะแจ้งคุณเมื่อรูปพร้อม และเมื่อผู้จัดงานมีข่าว",
            "button": "แจ้งฉันด้วย",
        },
    },
    "unsubscribe": {
        "en": {
            "title": "No more news?",
            "lead": "We send you nothing more about this event.",
            "button": "Send no more",
        },
        "th": {
            "title": "ไม่รับข่าวอีก?",
            "lead": "เราจะไม่ส่งข่าวของงานนี้ถึงคุณอีก",
            "button": "ไม่รับข่าวอีก",
        },
    },
    "mute": {
        "en": {
            "title": "No more of these messages?",
            "lead": "We send you no more messages of this kind. What belongs to your orders still comes.",
            "button": "Send no more",
        },
        "th": {
            "title": "ไม่รับข้อความแบบนี้อีก?",
            "lead": "เราจะไม่ส่งข้อความแบบนี้ถึงคุณอีก แต่คุณยังจะได้รับข้อความเกี่ยวกับคำสั่งซื้อของคุณ",
            "button": "ไม่รับอีก",
        },
    },
}
"""Of the forms."""

DONE: Mapping[Act, Mapping[str, tuple[str, str]]] = {
    "confirm": {
        "en": ("We tell you", "You hear from us when the photos are up. Every message has a link that ends this."),
        "th": ("เราจะแจ้งคุณ", "คุณจะได้รับข่าวเมื่อรูปพร้อม ทุกข้อความมีลิงก์สำหรับเลิกรับข่าว"),
    },
    "unsubscribe": {
        "en": ("No more news", "We send you nothing more about this event."),
        "th": ("เลิกรับข่าวแล้ว", "เราจะไม่ส่งข่าวของงานนี้ถึงคุณอีก"),
    },
    "mute": {
        "en": ("No more of these messages", "Your settings bring them back, if you ever want them again."),
        "th": ("เลิกรับข้อความแบบนี้แล้ว", "คุณเปิดรับอีกครั้งได้ทุกเมื่อในการตั้งค่า"),
    },
}

OVER: Mapping[str, tuple[str, str]] = {
    "en": ("This link has been used, or it has expired", "Ask on the page of the event for a new one."),
    "th": ("ลิงก์นี้ถูกใช้แล้วหรือหมดอายุ", "กรุณาขอใหม่ที่หน้าของงาน"),
}
NOW: Mapping[str, tuple[str, str]] = {
    "en": ("That did not work just now", "Please try again in a minute."),
    "th": ("ยังทำไม่ได้ในขณะนี้", "กรุณาลองอีกครั้งในอีกหนึ่งนาที"),
}
