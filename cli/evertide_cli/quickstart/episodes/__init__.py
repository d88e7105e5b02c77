"""Promises shown one by one before the market's life: administration against the clock, then orders that wait.

Each episode acts with real keys and real keepers, tells a line, and leaves checks: what was promised against what the
chain did. All of them end flat, at the tape's first prices, so that the market's life begins as it would have.
"""
