"""What a model has cost, as a person reads it."""

from lockstep.usage import Bill
from worker.cli.terminal import counted


def cost(bill: Bill) -> str:
    """`2 calls, 3,412 tokens, $0.0123`; money only where a price is known."""
    money = f", ${bill.microdollars / 1e6:.4f}" if bill.prices else ""
    lost = f", {bill.unknown} of unknown cost" if bill.unknown else ""
    return f"{counted(bill.calls, 'call')}, {counted(bill.usage.tokens, 'token')}{money}{lost}"
