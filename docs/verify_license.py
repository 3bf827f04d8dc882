"""python verify_license.py DOCUMENT.json KEYS.json [PHOTO]: checks a licence or a receipt; needs `cryptography` alone.

KEYS.json is what the seller publishes at /licenses/keys, kept once. Exits with 1 and a reason for what is not true.
"""

import hashlib
import json
import re
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


document, published = (json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:3])
keys = {key["kid"]: urlsafe_b64decode(key["x"] + "==") for key in published["keys"]}
told = document.pop("signature", "")
signature = urlsafe_b64decode(told + "==")
if urlsafe_b64encode(signature).decode().rstrip("=") != told:
    sys.exit("NOT TRUE: no signature is written like this")
try:
    Ed25519PublicKey.from_public_bytes(keys[document["key"]]).verify(signature, canonical(document))
except (InvalidSignature, KeyError):
    sys.exit("NOT TRUE: these keys did not sign this text")
previous = "0" * 64
for number, entry in enumerate(document.get("entries", []), start=1):
    digest = hashlib.sha256(canonical({name: entry[name] for name in entry if name != "digest"})).hexdigest()
    if (entry["number"], entry["previous"], entry["digest"]) != (number, previous, digest):
        sys.exit(f"NOT TRUE: the chain is broken at entry {number}")
    previous = digest
for photo in map(Path, sys.argv[3:]):  # a copy with its licence inside is judged without that segment
    content = re.sub(rb"\xff\xe1..http://ns\.adobe\.com/xap/1\.0/\0<\?xpacket begin.*?<\?xpacket end=\"r\"\?>", b"",
                     photo.read_bytes(), count=1, flags=re.DOTALL)  # fmt: skip
    if document["photo"]["sha256"] != hashlib.sha256(content).hexdigest():
        sys.exit("NOT TRUE: the licence is for another photo")
sys.stdout.write(f"TRUE: {document['type']} {document.get('id', document['order'])}\n")
