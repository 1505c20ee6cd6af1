"""The verbs of scenarios. Each one's first words say how it is written; docs/engine.md lists them."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec

from crossmargin.domain import command as c
from crossmargin.domain.account import (
    AttachedStop,
    MarginMode,
    OrderSide,
    OrderType,
    PositionMode,
    Side,
    TimeInForce,
    Trailing,
    TriggerBy,
)
from crossmargin.domain.instrument import ContractType, Kind, OptionType
from crossmargin.domain.numbers import number
from crossmargin.engine.interest import period_of
from crossmargin.engine.scenario.expect import expect
from crossmargin.engine.scenario.story import Story
from crossmargin.engine.simulate.dice import Dice
from crossmargin.engine.simulate.watch import WatchedEngine
from crossmargin.engine.simulate.world import draw
from crossmargin.rulebook import load
from crossmargin.rulebook.load import TierRow, tier_table

__all__ = ["VERBS"]

Words = Sequence[str]

_FLAGS: dict[str, dict[str, Any]] = {
    "isolated": {"margin_mode": MarginMode.ISOLATED},
    "post_only": {"type": OrderType.POST_ONLY},
    "ioc": {"time_in_force": TimeInForce.IOC},
    "fok": {"time_in_force": TimeInForce.FOK},
    "reduce": {"reduce_only": True},
    "spot": {"margin_mode": MarginMode.CASH},
    "long": {"position_side": Side.LONG},
    "short": {"position_side": Side.SHORT},
}


_KEYS: dict[str, Callable[[str], Any]] = {
    "kind": Kind,
    "contract_type": ContractType,
    "option_type": OptionType,
    **dict.fromkeys(
        ("contract_value", "multiplier", "taker_fee", "maker_fee", "tick_size", "lot_size", "min_size", "strike"),
        number,
    ),
}


def _rulebook(story: Story, words: Words) -> None:
    """Rulebook NAME."""
    story.before_start()
    story.rulebook = load(words[0])


def _tiers(story: Story, words: Words) -> None:
    """Tiers INSTRUMENT RATE | tiers INSTRUMENT SIZE:RATE ... RATE (sizes in contracts)."""
    story.before_start()
    instrument = story.rulebook.instrument(words[0])
    rows = []
    for word in words[1:]:
        bound, _, rate = word.rpartition(":")
        limit = cast(Any, number(bound) if bound else None)
        rows.append(TierRow(maintenance_rate=cast(Any, number(rate)), up_to=limit))
    table = tier_table(tuple(rows), story.rulebook.rules, "contracts")
    keys = {(instrument.kind.value, instrument.id, mode): table for mode in MarginMode}
    story.rulebook = story.rulebook.with_instruments([instrument], keys)


def _rule(story: Story, words: Words) -> None:
    """Rule KEY VALUE: a key of [rules] or [liquidation], for this story alone."""
    story.before_start()
    key, book = words[0], story.rulebook
    value: Any = number(words[1]) if words[1][0].isdigit() else {"true": True, "false": False}.get(words[1], words[1])
    if key in book.rules.__struct_fields__:
        story.rulebook = book.with_rules(**{key: value})
    elif key in book.liquidation.__struct_fields__:
        liquidation = msgspec.structs.replace(book.liquidation, **{key: value})
        story.rulebook = msgspec.structs.replace(book, liquidation=liquidation)
    else:
        raise ValueError(f"no rule {key!r}")


def _fees(story: Story, words: Words) -> None:
    """Fees INSTRUMENT TAKER MAKER."""
    story.before_start()
    instrument = story.rulebook.instrument(words[0])
    changed = msgspec.structs.replace(instrument, taker_fee=number(words[1]), maker_fee=number(words[2]))
    story.rulebook = story.rulebook.with_instruments([changed])


def _instrument(story: Story, words: Words) -> None:
    """Instrument NAME KEY=VALUE ...: change some keys of a known instrument, or define one like another with like=."""
    story.before_start()
    options = _options(words[1:])
    like = story.rulebook.instrument(options.pop("like", words[0]))
    fields: dict[str, Any] = {key: _KEYS.get(key, str)(value) for key, value in options.items()}
    changed = msgspec.structs.replace(like, **{"id": words[0], "unified": "", **fields})
    story.rulebook = story.rulebook.with_instruments([changed])


def _world(story: Story, words: Words) -> None:
    """World SEED: rules and instruments that the simulator draws from a seed, and its watched engine."""
    story.before_start()
    story.rulebook = book = draw(Dice(int(words[0]))).rulebook
    story.started = WatchedEngine(book, {book.venue: book})


def _at(story: Story, words: Words) -> None:
    """At MILLISECONDS: the time of what follows."""
    story.time = int(words[0])


def _do(story: Story, words: Words) -> None:
    """Do JSON: any command, as a journal writes it, without blanks."""
    try:
        command = msgspec.json.decode(words[0], type=c.Command)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    story.submit(command)


def _deposit(story: Story, words: Words) -> None:
    """Deposit ACCOUNT AMOUNT CURRENCY [REFERENCE]."""
    reference = words[3] if len(words) == len(("account", "amount", "currency", "reference")) else ""
    story.submit(c.Deposit(account=words[0], amount=number(words[1]), currency=words[2], reference=reference))


def _withdraw(story: Story, words: Words) -> None:
    """Withdraw ACCOUNT AMOUNT CURRENCY."""
    story.submit(c.Withdraw(account=words[0], amount=number(words[1]), currency=words[2]))


def _send(story: Story, words: Words) -> None:
    """Send FROM TO AMOUNT CURRENCY."""
    story.submit(c.Send(account=words[0], to=words[1], amount=number(words[2]), currency=words[3]))


def _insurance(story: Story, words: Words) -> None:
    """Insurance SCOPE AMOUNT CURRENCY."""
    story.submit(c.FundInsurance(scope=words[0], amount=number(words[1]), currency=words[2]))


def _mode(story: Story, words: Words) -> None:
    """Mode ACCOUNT one_way|hedge | mode ACCOUNT INSTRUMENT long|short cross|isolated."""
    if len(words) == len(("account", "mode")):
        story.submit(c.SetPositionMode(account=words[0], position_mode=PositionMode(words[1])))
        return
    mode = MarginMode(words[3])
    story.submit(c.SetMarginMode(account=words[0], instrument=words[1], side=Side(words[2]), margin_mode=mode))


def _leverage(story: Story, words: Words) -> None:
    """Leverage ACCOUNT INSTRUMENT LEVERAGE [isolated]."""
    story.ready(words[1])
    mode = MarginMode.ISOLATED if words[-1] == "isolated" else MarginMode.CROSS
    leverage = number(words[2])
    story.submit(c.SetLeverage(account=words[0], instrument=words[1], leverage=leverage, margin_mode=mode))


def _margin(story: Story, words: Words) -> None:
    """Margin ACCOUNT INSTRUMENT long|short +AMOUNT|-AMOUNT."""
    kind = c.AddMargin if words[3].startswith("+") else c.RemoveMargin
    amount = number(words[3].lstrip("+-"))
    story.submit(kind(account=words[0], instrument=words[1], side=Side(words[2]), amount=amount))


def _trade(story: Story, words: Words) -> None:
    """Trade TAKER +SIZE|-SIZE MAKER INSTRUMENT @ PRICE [isolated|spot]: two accounts trade with each other."""
    taker, size, maker, instrument, price = words[0], words[1], words[2], words[3], number(words[5])
    story.ready(instrument, price)
    buys = size.startswith("+")
    flags = _flags(words[6:])
    contracts = number(size.lstrip("+-"))
    both: dict[str, Any] = {"instrument": instrument, "contracts": contracts, "price": price}
    if "spot" in words:
        both |= _FLAGS["spot"]
    sides = (OrderSide.SELL, OrderSide.BUY) if buys else (OrderSide.BUY, OrderSide.SELL)
    made = c.PlaceOrder(account=maker, side=sides[0], **_hedge(story, maker, sides[0]), **both)
    story.must(made)
    taken = {**_hedge(story, taker, sides[1]), **both, **flags}
    story.must(c.PlaceOrder(account=taker, side=sides[1], **taken))


def _hedge(story: Story, account: str, side: OrderSide) -> dict[str, Any]:
    """In hedge mode a trade opens the side that it is on, unless a flag says otherwise."""
    owner = story.engine.state.owners.get(account)
    hedged = owner is not None and owner.position_mode == PositionMode.HEDGE
    return {"position_side": side.opens} if hedged else {}


def _bid(story: Story, words: Words) -> None:
    """Bid ACCOUNT SIZE INSTRUMENT @ PRICE|market [FLAGS] [KEY=VALUE ...]."""
    _order(story, words, OrderSide.BUY)


def _ask(story: Story, words: Words) -> None:
    """Ask ACCOUNT SIZE INSTRUMENT @ PRICE|market [FLAGS] [KEY=VALUE ...]."""
    _order(story, words, OrderSide.SELL)


def _order(story: Story, words: Words, side: OrderSide) -> None:
    account, contracts, instrument = words[0], number(words[1]), words[2]
    price = None if words[4] == "market" else number(words[4])
    story.ready(instrument, price)
    options = _options(words[5:])
    terms: dict[str, Any] = {"type": OrderType.MARKET if price is None else OrderType.LIMIT}
    terms |= _hedge(story, account, side) | _flags(words[5:]) | _waiting(options, price)
    story.submit(
        c.PlaceOrder(account=account, instrument=instrument, side=side, contracts=contracts, price=price, **terms)
    )


def _flags(words: Words) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        if "=" not in word:
            if word not in _FLAGS:
                raise ValueError(f"no flag {word!r}: {', '.join(_FLAGS)}")
            found |= _FLAGS[word]
    return found


def _options(words: Words) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words if "=" in word)


def _waiting(options: dict[str, str], price: Decimal | None) -> dict[str, Any]:
    """id=, spend=, ccy=, trigger=, stop=, profit=, oco=STOP/PROFIT, sl=, tp=, trail=, distance=, active=, by=."""
    by = options.get("by", "last")
    found: dict[str, Any] = {"client_id": options["id"]} if "id" in options else {}
    found |= _attached(options)
    if "ccy" in options:
        found |= {"margin_currency": options["ccy"]}
    if "spend" in options:
        found |= {"quote_size": number(options["spend"])}
    for key, kind in (("trigger", "trigger"), ("stop", "stop_loss"), ("profit", "take_profit")):
        if key in options:
            found |= {"type": OrderType(kind), "trigger_price": number(options[key]), "trigger_by": TriggerBy(by)}
    if "oco" in options:
        stop, profit = (number(each) for each in options["oco"].split("/"))
        attached = [AttachedStop(trigger_price=each, trigger_by=TriggerBy(by), price=price) for each in (stop, profit)]
        found |= {"type": OrderType.OCO, "stop_loss": attached[0], "take_profit": attached[1]}
    for key, name in (("trail", "percent"), ("distance", "distance")):
        if key in options:
            active = number(options["active"]) if "active" in options else None
            trailing = Trailing(on=by, active_price=active, **{name: number(options[key])})
            found |= {"type": OrderType.TRAILING, "trailing": trailing}
    return found


def _attached(options: dict[str, str]) -> dict[str, Any]:
    """Stops that come with the fill, market orders: sl=PRICE, tp=PRICE, by=."""
    by = TriggerBy(options.get("by", "last")) if {"sl", "tp"} & set(options) else TriggerBy.LAST
    names = (("sl", "stop_loss"), ("tp", "take_profit"))
    given = {name: options[key] for key, name in names if key in options}
    return {name: AttachedStop(trigger_price=number(word), trigger_by=by) for name, word in given.items()}


def _amend(story: Story, words: Words) -> None:
    """Amend ACCOUNT ORDER [size=N] [price=P] [trigger=P] [sl=P] [tp=P] [by=]."""
    options = _options(words[2:])
    names = (("size", "contracts"), ("price", "price"), ("trigger", "trigger_price"))
    given: dict[str, Any] = {name: number(options[key]) for key, name in names if key in options}
    story.submit(c.AmendOrder(account=words[0], order=words[1], **given, **_attached(options)))


def _cancel(story: Story, words: Words) -> None:
    """Cancel ACCOUNT ORDER|all."""
    if words[1] == "all":
        story.submit(c.CancelAll(account=words[0]))
    else:
        story.submit(c.CancelOrder(account=words[0], order=words[1]))


def _close(story: Story, words: Words) -> None:
    """Close ACCOUNT INSTRUMENT long|short [isolated] | close ACCOUNT all."""
    if words[1] == "all":
        story.submit(c.CloseAll(account=words[0]))
        return
    mode = MarginMode.ISOLATED if words[-1] == "isolated" else MarginMode.CROSS
    story.submit(c.ClosePosition(account=words[0], instrument=words[1], side=Side(words[2]), margin_mode=mode))


def _mark(story: Story, words: Words) -> None:
    """Mark INSTRUMENT PRICE [last=PRICE] [forward=PRICE]."""
    story.ready(words[0])
    prices: dict[str, Any] = {key: number(value) for key, value in _options(words[2:]).items()}
    story.submit(c.SetMark(instrument=words[0], price=number(words[1]), **prices))


def _index(story: Story, words: Words) -> None:
    """Index PAIR PRICE."""
    story.submit(c.SetIndex(pair=words[0], price=number(words[1])))


def _prices(story: Story, words: Words) -> None:
    """Prices INSTRUMENT healthy|suspect|stale|frozen."""
    story.submit(c.SetPriceState(instrument=words[0], state=cast(c.PriceState, words[1])))


def _funding(story: Story, words: Words) -> None:
    """Funding INSTRUMENT RATE [period=N]."""
    known = story.engine.state.periods.get(words[0], 0)
    period = int(_options(words[2:]).get("period", str(known + 1)))
    story.submit(c.SettleFunding(instrument=words[0], rate=number(words[1]), period=period))


def _interest(story: Story, words: Words) -> None:
    """Interest CURRENCY RATE [period=N]."""
    known = story.engine.state.periods.get(period_of(words[0]), 0)
    period = int(_options(words[2:]).get("period", str(known + 1)))
    story.submit(c.AccrueInterest(currency=words[0], rate=number(words[1]), period=period))


def _expiry(story: Story, words: Words) -> None:
    """Expiry INSTRUMENT PRICE."""
    story.submit(c.SettleExpiry(instrument=words[0], price=number(words[1])))


def _trading(story: Story, words: Words) -> None:
    """Trading on|off [INSTRUMENT]."""
    story.submit(c.SwitchTrading(on=words[0] == "on", instrument=words[1] if len(words) > 1 else ""))


def _list(story: Story, words: Words) -> None:
    """List INSTRUMENT [cap=CONTRACTS]."""
    cap = _options(words[1:]).get("cap")
    story.submit(c.ListInstrument(instrument=words[0], open_interest_max=None if cap is None else number(cap)))


def _change(story: Story, words: Words) -> None:
    """Change RULEBOOK."""
    name = words[0]
    story.engine.state.rulebooks.setdefault(name, load(name))
    story.submit(c.ChangeRulebook(rulebook=name))


def _timer(story: Story, words: Words) -> None:
    """Timer ACCOUNT MILLISECONDS."""
    story.submit(c.SetCancelTimer(account=words[0], at=int(words[1])))


def _time(story: Story, words: Words) -> None:
    """Time MILLISECONDS."""
    story.time = int(words[0])
    story.submit(c.Tick())


VERBS: dict[str, Callable[[Story, Words], None]] = {
    "rulebook": _rulebook,
    "world": _world,
    "at": _at,
    "do": _do,
    "tiers": _tiers,
    "rule": _rule,
    "fees": _fees,
    "instrument": _instrument,
    "list": _list,
    "deposit": _deposit,
    "withdraw": _withdraw,
    "send": _send,
    "insurance": _insurance,
    "mode": _mode,
    "leverage": _leverage,
    "margin": _margin,
    "trade": _trade,
    "bid": _bid,
    "ask": _ask,
    "amend": _amend,
    "cancel": _cancel,
    "close": _close,
    "mark": _mark,
    "index": _index,
    "prices": _prices,
    "funding": _funding,
    "interest": _interest,
    "expiry": _expiry,
    "trading": _trading,
    "change": _change,
    "timer": _timer,
    "time": _time,
    "expect": expect,
}
