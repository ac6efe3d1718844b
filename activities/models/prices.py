"""What a model's answer costs, by a table that comes with a package and is pinned with it.

No price is fetched: what a run cost must not depend on the day it is looked at, or on a network.
The package is imported by this file alone, in the worker's process.

The table knows what is sold by the token. A discount, a tax or a reseller's margin is between the
provider and whoever pays, and no figure here knows of it. A model that the table does not know
costs nothing here, and then no table is named: that is for the caller to say.
"""

from decimal import ROUND_CEILING, Decimal

import genai_prices

from lockstep.amount import MOST
from lockstep.usage import Usage

TABLE = f"genai-prices {genai_prices.__version__}"


def priced(model: str, usage: Usage) -> tuple[int, str]:
    """Microdollars, rounded up, and the table they are from; 0 and "" where the model is unknown.

    What was written to a cache is taken to be kept there for five minutes, as we ask for it.
    """
    counted = genai_prices.Usage(
        # The table wants all that was read, and of that the part which a cache had to do with.
        input_tokens=usage.input + usage.cache_write + usage.cache_read,
        cache_write_tokens=usage.cache_write,
        cache_read_tokens=usage.cache_read,
        output_tokens=usage.output,
    )
    try:
        price = genai_prices.calc_price(counted, model, provider_id="anthropic").total_price
    except LookupError:
        return 0, ""
    whole = (price * Decimal(1_000_000)).to_integral_value(ROUND_CEILING)
    return min(int(whole), MOST), TABLE
