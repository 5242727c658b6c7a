from lgrun.func import entrypoint, task
from lgrun.types import interrupt


@task
def find_flights(city: str) -> list[dict]:
    return [{"to": city, "price": 120}, {"to": city, "price": 95}]


@task
def book(flight: dict) -> str:
    raise ConnectionError("net")


@entrypoint()
def trip(inputs: dict) -> dict:
    """Find a flight, ask, book it."""
    flights = find_flights(inputs["city"]).result()
    cheapest = min(flights, key=lambda flight: flight["price"])
    answer = interrupt({"question": f"Book {cheapest}?", "options": ["yes", "no"]})
    if answer == "no":
        return {"booked": None}
    return {"booked": book(cheapest).result()}
