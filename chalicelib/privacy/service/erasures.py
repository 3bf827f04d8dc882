"""Erasing what is kept of somebody: asked for, thought over for thirty days, done step by step, receipted."""

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, log, outbox, secrets, signing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.sealing import NotSealed, seal, unseal
from chalicelib.core.table import transact
from chalicelib.organizations import service as organizations
from chalicelib.privacy import receipts, store
from chalicelib.privacy.holdings import of_scope
from chalicelib.privacy.messages import ErasureDone, ErasureDue, ErasurePlanned
from chalicelib.privacy.model import COPY_LASTS, GRACE, Erasure, ErasureState, Receipt, Scope

_SWEEP_AT_MOST = 100


def ask(actor: Principal, scope: Scope) -> Erasure:
    """Plan an erasure in thirty days. The same request again is the same one.

    Raises Conflict `erasure_planned` while another one is open.
    """
    was = store.find_erasure(actor.organization, actor.known_user)
    if was is not None and was.is_open:
        if was.scope is scope:
            return was
        raise Conflict("erasure_planned", "Another erasure is planned. Cancel that one first.")
    now = clock.now()
    planned = Erasure(
        id=ids.new("ers"),
        organization=actor.organization,
        user=actor.known_user,
        scope=scope,
        state=ErasureState.PLANNED,
        asked_at=now,
        due_at=now + GRACE,
        wakes_at=now + GRACE,
        version=was.version + 1 if was else 1,
    )
    noted = audit.entry(
        actor, action="user.erasure_planned", entity="user", entity_id=planned.user, after={"scope": scope}
    )
    fact = ErasurePlanned(organization=planned.organization, user=planned.user, erasure=planned.id)
    transact(store.save_erasure(planned, was=was), outbox.publish(fact), noted)
    return planned


def current(actor: Principal) -> Erasure:
    """The last request of the caller. Raises NotFound."""
    found = store.find_erasure(actor.organization, actor.known_user)
    if found is None:
        raise NotFound("erasure_not_found", "There is no such request.")
    return found


def cancel(actor: Principal) -> Erasure:
    """Take a request back; one that is taken back already stays so. Raises NotFound, Conflict once it has begun."""
    planned = current(actor)
    if planned.state is ErasureState.CANCELLED:
        return planned
    cancelled = planned.cancelled()
    noted = audit.entry(
        actor, action="user.erasure_cancelled", entity="user", entity_id=planned.user, before={"scope": planned.scope}
    )
    transact(store.save_erasure(cancelled, was=planned), noted)
    return cancelled


# --- behind the API -----------------------------------------------------------------------------------------


def begin_due() -> int:
    """Begin what was thought over long enough, and tell again what was begun and did not end; returns how many."""
    begun = 0
    for found in store.erasures_due(clock.now(), _SWEEP_AT_MOST):
        try:
            begun += _begin(found.organization, found.user)
        except AppError as refusal:
            log.warning("erasure not begun", organization=found.organization, code=refusal.code)
        except Exception as failure:  # noqa: BLE001 (tried again in a minute; the others have their turn now)
            log.bug("erasure not begun", failure, organization=found.organization)
    return begun


def _begin(organization: str, user: str) -> bool:
    planned = store.find_erasure(organization, user)
    now = clock.now()
    if planned is None or planned.wakes_at is None or planned.wakes_at > now:
        return False
    fact = ErasureDue(organization=organization, user=user, erasure=planned.id)
    transact(store.save_erasure(planned.begun(now), was=planned), outbox.publish(fact))
    return True


def run(organization: str, user: str, erasure_id: str) -> bool:
    """Erase holding after holding, from where an earlier run was cut off; False where nothing is to be done."""
    erasure = store.find_erasure(organization, user)
    if erasure is None or erasure.id != erasure_id or erasure.state is not ErasureState.ERASING:
        return False
    known = accounts.find_user(organization, user)
    if erasure.contact is None and known is not None:
        contact = seal(organization, _place(erasure), known.address)
        erasure = _saved(erasure, erasure.for_contact(contact, known.language))
    if erasure.scope is Scope.ACCOUNT:
        accounts.shut(organization, user)
    for holding in of_scope(erasure.scope):
        if holding.name not in erasure.done:
            holding.erase(organization, user)
            erasure = _saved(erasure, erasure.with_done(holding.name))
    _finish(erasure)
    return True


def find(organization: str, user: str) -> Erasure | None:
    return store.find_erasure(organization, user)


def receipt_to_send(organization: str, receipt_id: str) -> tuple[Receipt, str] | None:
    """A receipt that was not sent yet, and the address or phone it goes to.

    One whose address was sealed with a key that is not accepted any more can not be sent: the address is forgotten.
    """
    receipt = store.find_receipt(organization, receipt_id)
    if receipt is None or receipt.contact is None or receipt.signed is None:
        return None
    try:
        return receipt, unseal(organization, f"receipt#{receipt.id}", receipt.contact)
    except NotSealed:
        log.warning("a receipt that nobody can be sent", organization=organization)
        forget_contact(receipt)
        return None


def link_to(receipt: Receipt) -> str:
    """Where who was texted finds the receipt, for thirty days. May be asked again."""
    assert receipt.signed is not None
    transact(store.keep_copy(receipt.organization, receipt.id, receipt.signed, clock.now() + COPY_LASTS))
    token = secrets.sign("receipt", receipt.organization, receipt.id)
    return f"{organizations.url_of(receipt.organization)}/privacy/receipts/{receipt.id}/{token}"


def show_receipt(organization: str, receipt_id: str, token: str) -> str:
    """The signed receipt behind a texted link. Raises NotFound, once it has expired too."""
    signed = None
    if secrets.is_signature(token, "receipt", organization, receipt_id):
        signed = store.find_copy(organization, receipt_id, clock.now())
    if signed is None:
        raise NotFound("receipt_not_found", "There is no such receipt.")
    return signed


def forget_contact(receipt: Receipt) -> None:
    transact(store.bare(receipt))


def _finish(erasure: Erasure) -> None:
    """Sign the receipt; of the request nothing stays behind an erasure of the account."""
    now, organization = clock.now(), erasure.organization
    id = ids.derived("rcp", organization, erasure.id)
    contact, salt = None, ids.token()
    address = unseal(organization, _place(erasure), erasure.contact) if erasure.contact else None
    holdings = of_scope(erasure.scope)
    signing.keep(organization)
    signed = receipts.sign(
        organization,
        {
            "jti": id,
            "iss": organization,
            "iat": clock.epoch(now),
            "scope": erasure.scope.value,
            "asked": clock.epoch(erasure.asked_at),
            "erased": [holding.name for holding in holdings],
            "kept": [holding.kept for holding in holdings if holding.kept],
            "salt": salt,
            "sub": receipts.subject(salt, address or ""),
        },
    )
    if address is not None:
        contact = seal(organization, f"receipt#{id}", address)
    receipt = Receipt(
        id=id,
        organization=organization,
        scope=erasure.scope,
        at=now,
        digest=ids.digest(signed),
        signed=signed if contact else None,
        contact=contact,
        language=erasure.language,
    )
    over = (
        store.remove_erasure(erasure)
        if erasure.scope is Scope.ACCOUNT
        else store.save_erasure(erasure.finished(), was=erasure)
    )
    told = outbox.publish(ErasureDone(organization=organization, receipt=id))
    transact(over, store.add_receipt(receipt), told)


def _saved(was: Erasure, now: Erasure) -> Erasure:
    transact(store.save_erasure(now, was=was))
    return now


def _place(erasure: Erasure) -> str:
    return f"erasure#{erasure.id}"
