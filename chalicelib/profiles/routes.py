"""What people tell of themselves, over HTTP. Everybody reaches their own only."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.storage import UploadForm
from chalicelib.profiles import schemas, service

routes = Routes("profiles")


@routes.get("/users/profile", permission=SIGNED_IN, guarded=True, returns=schemas.Profile)
def show_profile(principal: Principal) -> schemas.Profile:
    """The caller's own profile. Of the national id only the last four digits are shown."""
    return schemas.Profile.of(service.show_profile(principal))


@routes.put("/users/profile", permission=SIGNED_IN, guarded=True, returns=schemas.Profile, limit=(60, 60))
def change_profile(principal: Principal, body: schemas.ProfileUpdate) -> schemas.Profile:
    """Change what is sent and nothing else. A `version` that is no longer the current one answers 409."""
    return schemas.Profile.of(service.change_profile(principal, version=body.version, told=body.told()))


@routes.post("/users/profile/avatar", permission=SIGNED_IN, guarded=True, returns=schemas.Form, limit=(20, 60))
def begin_avatar(principal: Principal, body: schemas.AvatarFile) -> UploadForm:
    """A form to upload a picture with. It is shown once it has been drawn anew, without what the camera wrote."""
    return service.begin_avatar(principal, content_type=body.type, size=body.size, sha256=body.sha256)


@routes.delete("/users/profile/avatar", permission=SIGNED_IN, guarded=True)
def remove_avatar(principal: Principal) -> None:
    """Show no picture any more."""
    service.remove_avatar(principal)


@routes.get("/users/addresses", permission=SIGNED_IN, guarded=True, returns=schemas.Addresses)
def list_addresses(principal: Principal) -> schemas.Addresses:
    """The caller's addresses, the oldest first; one is the default."""
    return schemas.Addresses.of(service.list_addresses(principal))


@routes.post("/users/addresses", permission=SIGNED_IN, guarded=True, returns=schemas.Address, status=201)
def add_address(principal: Principal, body: schemas.AddressInput) -> schemas.Address:
    """Add an address; the first one becomes the default. One that is there already is answered again."""
    return schemas.Address.of(*service.add_address(principal, body.address()))


@routes.get("/users/addresses/{id}", permission=SIGNED_IN, guarded=True, returns=schemas.Address)
def read_address(principal: Principal, id: str) -> schemas.Address:
    """One of the caller's addresses."""
    book = service.list_addresses(principal)
    return schemas.Address.of(book, book.find(id))


@routes.put("/users/addresses/{id}", permission=SIGNED_IN, guarded=True, returns=schemas.Address)
def change_address(principal: Principal, id: str, body: schemas.AddressInput) -> schemas.Address:
    """Put another address in the place of one."""
    address = body.address(id)
    return schemas.Address.of(service.change_address(principal, address), address)


@routes.delete("/users/addresses/{id}", permission=SIGNED_IN, guarded=True)
def remove_address(principal: Principal, id: str) -> None:
    """Take an address away. Was it the default, the oldest one left takes its place."""
    service.remove_address(principal, id)


@routes.put("/users/addresses/{id}/default", permission=SIGNED_IN, guarded=True, returns=schemas.Addresses)
def make_default(principal: Principal, id: str) -> schemas.Addresses:
    """Make an address the default."""
    return schemas.Addresses.of(service.make_default(principal, id))
