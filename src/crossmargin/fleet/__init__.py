"""Many accounts at once: who is warned or liquidated at these marks, and what a shock would do.

    columns   accounts as exact columns, whole numbers with a number of decimal places
    pack      columns and a rulebook -> the arrays of the kernels; the only place where a Decimal becomes a float
    screen    every pool at given marks, decided in floats with a certified error, exactly inside it

A kernel is a module-level numba function with a plain Python twin. Whatever a kernel can't decide within its
certified error goes to `margin.assess`, so that no decision is wrong. Needs the extra `fleet`.
"""
