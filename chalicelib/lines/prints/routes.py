"""Prints over HTTP. They are bought through the cart, like anything else."""

from chalicelib.core.auth import ANONYMOUS, PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.lines.prints import model, schemas, service
from chalicelib.organizations import service as organizations

routes = Routes("prints")


@routes.get("/print-products", permission=PUBLIC, returns=schemas.Products)
def list_products(principal: Principal) -> schemas.Products:
    """What photos are printed on, at which price; for staff also what is not on sale."""
    return schemas.Products.of(service.list_products(principal), organizations.currency_of(principal.organization))


@routes.post("/print-products", permission="event.manage", returns=schemas.Products, status=200)
def add_product(principal: Principal, body: schemas.NewProduct) -> schemas.Products:
    """Print a further product. Answers all of them."""
    products = service.add_product(principal, body.product(body.code))
    return schemas.Products.of(products, organizations.currency_of(principal.organization))


@routes.put("/print-products/{id}", permission="event.manage", returns=schemas.Products)
def change_product(principal: Principal, id: str, body: schemas.ChangedProduct) -> schemas.Products:
    """Change the product with this code. Size, paper and the laboratory's name of it stay. Answers all of them."""
    products = service.change_product(principal, body.product(id))
    return schemas.Products.of(products, organizations.currency_of(principal.organization))


@routes.delete("/print-products/{id}", permission="event.manage")
def drop_product(principal: Principal, id: str) -> None:
    """Print the product with this code no more. What was ordered is printed."""
    service.drop_product(principal, id)


@routes.post("/parcels", permission=PUBLIC, returns=schemas.Parcel, limit=(60, 60))
def make_parcel(principal: Principal, body: schemas.NewParcel) -> schemas.Parcel:
    """Pack prints for an address, to put them into the cart. A parcel never changes and shows nobody its address."""
    parcel, line = service.make(principal, body.address.address(), body.wanted())
    return schemas.Parcel.of(parcel, line, organizations.currency_of(principal.organization))


@routes.post("/parcels/{id}/{token}", permission=ANONYMOUS, hidden=True, limit=(600, 60))
def accept_callback(principal: Principal, id: str, token: str) -> None:
    """The print laboratory says that something happened to a parcel, at the address that it was given for it."""
    service.accept_callback(principal.organization, id, token)


@routes.get("/admin/prints", permission="order.read_all", returns=schemas.PaidParcel, many=True)
def list_parcels(principal: Principal, query: schemas.InState) -> Page[model.Parcel]:
    """Parcels that were paid for, by state, newest first: those that the laboratory does not print, unless asked."""
    return service.in_state(principal.organization, query.state, query.request())
