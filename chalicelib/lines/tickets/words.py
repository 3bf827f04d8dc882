"""The words of the page that shows the tickets of an order."""

from typing import Any

WORDS: dict[str, dict[str, Any]] = {
    "th": {
        "title": "บัตรของคุณ",
        "lead": "แสดงรหัสของแต่ละบัตรที่ทางเข้า หนึ่งรหัสต่อหนึ่งคน",
        "void": "บัตรนี้ถูกยกเลิกแล้ว",
        "code": "รหัส QR ของบัตร {}",
        "missing": "ไม่พบหน้านี้",
        "advice": "ลิงก์อาจไม่สมบูรณ์ กรุณาเปิดลิงก์จากอีเมลอีกครั้ง หรือคัดลอกลิงก์ทั้งหมดมาวางในเบราว์เซอร์",
    },
    "en": {
        "title": "Your tickets",
        "lead": "Show the code of each ticket at the entrance: one code, one person.",
        "void": "This ticket was withdrawn",
        "code": "QR code of ticket {}",
        "missing": "There is nothing here",
        "advice": "The link may be incomplete. Open it from your mail again, or copy the whole link.",
    },
}
