"""The nouns: instruments, accounts, positions, orders, marks. Frozen values without behaviour of their own."""
