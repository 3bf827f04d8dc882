
import time
from tests.system.world import watched, tables
def test_it(world):
    t=time.process_time()
    for _ in range(100):
        r = world.call("GET", "/events")
    print((time.process_time()-t)/100, r.status)
    t=time.process_time()
    for _ in range(100):
        r = world.call("GET", "/events", headers={"Authorization":"Bearer x"})
    print((time.process_time()-t)/100, r.status, r.body)
    t=time.process_time()
    for _ in range(100):
        r = world.call("GET", "/orders/"+world.a.orders["paid"].id, headers=world.a.headers("customer"))
    print((time.process_time()-t)/100, r.status, r.body)
    t=time.process_time()
    x=tables()
    print((time.process_time()-t), sum(map(len,x.values())))
    for p in ("pending","approved","failed","awaiting", "rejected"):
        print(world.call("GET", "/photos/"+world.a.photos[p], headers=world.a.headers("admin")).body[:200])
