"""Write `.local/openapi.json`: the document that the running API serves at `/openapi.json`."""

import json
import os
from pathlib import Path

# The routes need settings to be imported; nothing is called, so that none of these is reached.
SETTINGS = {
    "AWS_DEFAULT_REGION": "ap-southeast-1",
    "PIX_STAGE": "test",
    "PIX_ORIGINALS_BUCKET": "originals",
    "PIX_PREVIEWS_BUCKET": "previews",
    "PIX_DOCUMENTS_BUCKET": "documents",
    "PIX_UPLOADS_QUEUE": "http://127.0.0.1/uploads",
    "PIX_PAYMENTS_QUEUE": "http://127.0.0.1/payments",
    "PIX_EMAILS_QUEUE": "http://127.0.0.1/emails",
    "PIX_WEBHOOKS_QUEUE": "http://127.0.0.1/webhooks",
    "PIX_JOBS_QUEUE": "http://127.0.0.1/jobs",
    "PIX_SECRET_ID": "thepixstock/test",
    "PIX_API_URL": "http://127.0.0.1:8000",
    "PIX_MAIL_FROM": "photos@example.com",
    "PIX_PAYNOI_URL": "http://127.0.0.1/paynoi",
    "PIX_LIVE_URL": "ws://127.0.0.1:8001",
}


def write(target: Path) -> int:
    """Write the document and return how many paths it describes."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from app import app
    from chalicelib.operations.routes import openapi_document

    document = openapi_document(app)
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return len(document["paths"])


if __name__ == "__main__":
    path = Path(".local/openapi.json")
    print(f"{path}: {write(path)} paths")
