"""What a venue derives from its markets: mark price, funding, interest. Pure functions of numbers."""
